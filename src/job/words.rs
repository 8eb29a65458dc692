//! Values that are one of a few words.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Speed against size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// Fast, for a first look.
    Draft,
    /// Visually lossless for most content.
    Standard,
    /// Between `standard` and `high`, as HyperFrames' own default is.
    #[default]
    Looks,
    /// For masters, slower.
    High,
    /// HyperFrames' word for `high`.
    Delivery,
    /// Nothing is lost after the conversion to the pixel format.
    Lossless,
}

impl Quality {
    /// The rung of the ladder that the quality stands for.
    pub(crate) const fn rung(self) -> Self {
        match self {
            Self::Delivery => Self::High,
            other => other,
        }
    }
}

/// How colors that a palette does not have are made of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Dither {
    /// Each pixel passes its error on to its neighbors: smooth, and larger.
    #[default]
    Diffusion,
    /// A fixed pattern: still where the picture is still, and smaller.
    Bayer,
    /// Not at all: flat, with bands.
    None,
}

/// Which encoders of a graphics card may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Hardware {
    /// None.
    #[default]
    Off,
    /// The first that works.
    Auto,
    /// NVIDIA's.
    Nvenc,
    /// Intel's Quick Sync Video.
    Qsv,
    /// Apple's.
    Videotoolbox,
    /// AMD's.
    Amf,
    /// Those of Linux' video devices.
    V4l2m2m,
}

/// What to do with an odd width or height that the pixel format cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OddSize {
    /// Refuse it.
    #[default]
    Error,
    /// Repeat the last column or row.
    Pad,
}

/// Which frames a session visits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CaptureOrder {
    /// All of them where the page's state may depend on the frames before, as with timers and
    /// frame callbacks; else only those that it draws.
    #[default]
    Auto,
    /// All of them: for pages that accumulate state the engine cannot detect.
    Sequential,
}

/// The dynamic range of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ColorMode {
    /// HDR where a video of it is on screen: PQ if any is, else HLG. Else SDR; also where the job
    /// asks for what HDR does not have, with a warning, and for callers' own sinks.
    #[default]
    Auto,
    /// BT.709.
    Sdr,
    /// BT.2020 with the PQ curve.
    Hdr10,
    /// BT.2020 with the HLG curve.
    Hlg,
}

/// The way to take pixels from the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum CaptureMode {
    /// The fastest that works with this browser and this page.
    #[default]
    Auto,
    /// The window of an ordinary Chromium on a private display; needs Xvfb.
    Display,
    /// `HeadlessExperimental.beginFrame`; needs Chrome's headless shell.
    BeginFrame,
    /// `Page.captureScreenshot`; works with any Chrome.
    Screenshot,
    /// Drawn into a canvas of the page; compared with sampled frames, and left if they differ.
    Canvas,
}

/// How the browser hands a picture over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CaptureFormat {
    /// Lossless.
    #[default]
    Png,
    /// Lossy, and cheaper to take.
    Jpeg,
}

/// Whether Chrome confines its processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Sandbox {
    /// On, except for root, whom Chrome's sandbox does not serve.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never: for compositions that you trust.
    Off,
}
