//! Codecs and pixel formats of a job, the defaults resolved.

use super::{Codec, Container, JobError, Quality, Video};
use crate::frame::CodedFormat;

impl Video {
    /// The codec in an output of this kind.
    pub fn codec_in(&self, container: Container) -> Codec {
        self.codec.unwrap_or_else(|| container.codecs()[0])
    }

    /// The codec in an output of this kind whose light is HDR.
    pub fn hdr_codec_in(&self, container: Container) -> Codec {
        let holding = container.codecs().iter().copied().find(|&codec| container.holds_hdr(codec));
        self.codec.or(holding).unwrap_or_else(|| container.codecs()[0])
    }

    /// The format in which `codec` stores HDR: with 10 bits at least. `None` if the job's settings
    /// exclude it.
    pub(crate) fn hdr_format_of(&self, codec: Codec) -> Option<CodedFormat> {
        let is_deep = |format: &CodedFormat| format.bits() >= 10;
        let usual = codec.formats().iter().copied().find(is_deep);
        let asked = self.pixel_format.is_some() || self.profile.is_some();
        if asked { self.pixel_format_of(codec, false).filter(is_deep) } else { usual }
    }

    /// The format in which `codec` stores pixels, the defaults resolved. `None` if the job's
    /// settings exclude all.
    pub fn pixel_format_of(&self, codec: Codec, alpha: bool) -> Option<CodedFormat> {
        let formats = codec.formats();
        let find = |has: &dyn Fn(CodedFormat) -> bool| formats.iter().copied().find(|&f| has(f));
        if let Some(format) = self.pixel_format {
            return find(&|f| f == format);
        }
        if let Some(format) = self.profile.as_deref().and_then(|p| profile_format(codec, p, alpha))
        {
            return find(&|f| f == format);
        }
        match (alpha, self.quality) {
            (true, _) if codec.holds_alpha() => {
                find(&CodedFormat::has_alpha).or(Some(CodedFormat::Pal8))
            }
            (_, Quality::Lossless) => {
                find(&|f| f == CodedFormat::Yuv444p && !codec.is_lossless()).or(Some(formats[0]))
            }
            _ => Some(formats[0]),
        }
    }
}

/// The format that a profile of the editing codecs stores.
fn profile_format(codec: Codec, profile: &str, alpha: bool) -> Option<CodedFormat> {
    Some(match (codec, profile) {
        (Codec::Prores, "4444" | "4444xq") if alpha => CodedFormat::Yuva444p10,
        (Codec::Prores, "4444" | "4444xq") | (Codec::Dnxhr, "444") => CodedFormat::Yuv444p10,
        (Codec::Prores, _) | (Codec::Dnxhr, "hqx") => CodedFormat::Yuv422p10,
        (Codec::Dnxhr, _) => CodedFormat::Yuv422p,
        _ => return None,
    })
}

/// The error for the pixel format or the profile.
pub(crate) fn bad_format(video: &Video, codec: Codec, field: &str) -> JobError {
    let names: Vec<_> = codec.formats().iter().map(|format| format.name()).collect();
    JobError::BadValue {
        path: format!("{field}.pixelFormat"),
        found: video.pixel_format.map_or("nothing".into(), |format| format!("\"{format}\"")),
        expected: format!("one of {} for {codec}", names.join(", ")),
    }
}
