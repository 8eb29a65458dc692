//! Encoders of the graphics card: tried with one frame before they are relied on.

use super::clock::SinkStats;
use crate::av::{AvError, Encoder, EncoderSettings, FramePool, RateControl, Received};
use crate::color::Cicp;
use crate::frame::{CodedFormat, Size};
use crate::plan::OutputPlan;
use crate::time::FrameRate;
use crate::warning::Warning;

/// Bits per pixel and second where an encoder knows no constant quality: 8 Mbit/s at 1080p30.
const BITS_PER_PIXEL: f64 = 0.13;

/// The first of the output's hardware encoders that encodes a frame; otherwise a warning with the
/// reason, if the output has any such encoder.
pub(super) fn open(
    output: &OutputPlan,
    software: &EncoderSettings,
    clock: &SinkStats,
) -> Option<Encoder> {
    let mut refusals = Vec::new();
    for name in &output.video.hardware {
        let settings = settings_for(name, output, software);
        match probe(&settings).and_then(|()| Encoder::open(&settings)) {
            Ok(encoder) => return Some(encoder),
            Err(error) => refusals.push(error.to_string()),
        }
    }
    if !refusals.is_empty() {
        clock.warn(std::iter::once(Warning {
            code: "hardware_unavailable".into(),
            message: format!("{} encodes: {}", software.name, refusals.join("; ")),
            hint: Some("`video.hardware: \"off\"` is what happens now, without the attempt".into()),
        }));
    }
    None
}

/// Encoders of a graphics card that encode a frame here.
pub(crate) fn working() -> Vec<String> {
    let kinds = ["nvenc", "videotoolbox", "qsv", "amf", "v4l2m2m"];
    let names = ["h264", "hevc", "av1"]
        .into_iter()
        .flat_map(|codec| kinds.map(|kind| format!("{codec}_{kind}")));
    let works = |name: &String| {
        let settings = EncoderSettings {
            name: name.clone(),
            size: Size { width: 640, height: 360 },
            frame_rate: FrameRate::DEFAULT,
            format: CodedFormat::Yuv420p,
            color: Cicp::BT709,
            rate: RateControl { bitrate: Some(2_000_000), ..RateControl::default() },
            gop: None,
            open_gop: false,
            pass: None,
            threads: 1,
            options: Vec::new(),
            global_header: false,
        };
        probe(&settings).is_ok()
    };
    names.filter(works).collect()
}

/// Encodes one gray frame. The error is the reason why the encoder does not work here.
fn probe(settings: &EncoderSettings) -> Result<(), AvError> {
    if !crate::av::has_encoder(&settings.name) {
        let doing = format!("encoder {}", settings.name);
        return Err(AvError::refused(doing, "not in the linked libavcodec"));
    }
    let mut encoder = Encoder::open(settings)?;
    let pool = FramePool::new(settings.size, settings.format, Cicp::BT709)?;
    let mut frame = pool.get()?;
    frame.planes_mut().into_iter().for_each(|plane| plane.data.fill(128));
    encoder.send(&mut frame, 0)?;
    encoder.send_end()?;
    match encoder.receive()? {
        Received::Packet(_) => Ok(()),
        _ => Err(AvError::refused(format!("encoder {}", settings.name), "no packet came")),
    }
}

fn settings_for(name: &str, output: &OutputPlan, software: &EncoderSettings) -> EncoderSettings {
    let mut settings = EncoderSettings { name: name.into(), ..software.clone() };
    let number = |key: &str| {
        let found = output.video.options.iter().find(|(name, _)| name == key);
        found.and_then(|(_, value)| value.parse::<f64>().ok())
    };
    let quality = number("crf").unwrap_or(20.0);
    let pair = |key: &str, value: String| (key.to_owned(), value);
    settings.options = match name.rsplit('_').next() {
        _ if settings.rate.bitrate.is_some() => Vec::new(),
        Some("nvenc") => vec![
            pair("preset", "p5".into()),
            pair("rc", "vbr".into()),
            pair("cq", quality.to_string()),
        ],
        Some("amf") => {
            let qp = quality.round().to_string();
            vec![pair("rc", "cqp".into()), pair("qp_i", qp.clone()), pair("qp_p", qp)]
        }
        // 100 - 2·crf, in FFmpeg's units of quality.
        Some("videotoolbox") => vec![
            pair("flags", "+qscale".into()),
            pair("global_quality", ((100.0 - 2.0 * quality).max(1.0) * 118.0).to_string()),
        ],
        _ => {
            let pixels = f64::from(settings.size.width) * f64::from(settings.size.height);
            let bits = pixels * settings.frame_rate.as_f64() * BITS_PER_PIXEL;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive")]
            {
                settings.rate.bitrate = Some(bits as u64);
            }
            Vec::new()
        }
    };
    settings
}
