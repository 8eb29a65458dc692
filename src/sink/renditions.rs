//! Subtitles of HLS: files of `WebVTT`, a playlist for each, and one above all (RFC 8216).

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::cues::webvtt_file;
use crate::error::{Error, Result};
use crate::job::AudioCodec;
use crate::plan::OutputPlan;
use crate::time::FrameRate;

/// Writes them beside the playlist `media` of picture and sound, and `main`, which lists all.
pub(super) fn write(
    media: &Path,
    main: &Path,
    output: &OutputPlan,
    (rate, frames): (FrameRate, u64),
) -> Result<()> {
    let put = |name: &str, text: &str| {
        let path = main.with_file_name(name);
        fs::write(&path, text).map_err(Error::io("cannot write", &path))
    };
    let stem = main.file_stem().unwrap_or_default().to_string_lossy();
    let secs = frames as f64 / rate.as_f64();
    let mut all = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let mut names: Vec<String> = Vec::new();
    for (i, plan) in output.subtitles.iter().enumerate() {
        let language = &plan.language;
        let own = format!("{stem}_sub{}_{language}", i + 1);
        put(&format!("{own}.vtt"), &webvtt_file(&plan.cues))?;
        put(
            &format!("{own}.m3u8"),
            &format!(
                "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:0\n\
                 #EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:{secs:.6},\n{own}.vtt\n#EXT-X-ENDLIST\n",
                secs.ceil()
            ),
        )?;
        // Each has a name of its own, and such text holds no quotes.
        let mut name = plan.label.as_ref().unwrap_or(language).replace('"', "'");
        if names.contains(&name) {
            name = format!("{name} {}", i + 1);
        }
        let default = if plan.default { "YES" } else { "NO" };
        _ = writeln!(
            all,
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subs\",NAME=\"{name}\",\
             LANGUAGE=\"{language}\",DEFAULT={default},AUTOSELECT=YES,FORCED=NO,URI=\"{own}.m3u8\""
        );
        names.push(name);
    }
    let text = fs::read_to_string(media).map_err(Error::io("cannot read", media))?;
    let (peak, average) = rates(&text, media)?;
    let codecs = codecs(&text, media, output);
    let codecs = codecs.map_or_else(String::new, |codecs| format!(",CODECS=\"{codecs}\""));
    let (size, name) = (output.video.size, media.file_name().unwrap_or_default());
    _ = writeln!(
        all,
        "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average}{codecs},\
         RESOLUTION={size},FRAME-RATE={:.3},SUBTITLES=\"subs\"\n{}",
        rate.as_f64(),
        name.to_string_lossy()
    );
    put(&format!("{stem}.m3u8"), &all)
}

/// Makes the target duration as long as the longest segment, rounded: libav rounds 3.499999 s to 3,
/// and writes it as 3.500000.
pub(super) fn mend_target(media: &Path) -> Result<()> {
    const TARGET: &str = "#EXT-X-TARGETDURATION:";
    let text = fs::read_to_string(media).map_err(Error::io("cannot read", media))?;
    let lengths = text.lines().filter_map(|line| line.strip_prefix("#EXTINF:"));
    let lengths = lengths.filter_map(|rest| rest.split(',').next()?.parse::<f64>().ok());
    let longest = lengths.fold(0.0, f64::max).round();
    let target = text.lines().find_map(|line| line.strip_prefix(TARGET));
    let Some(target) = target.filter(|t| t.parse().is_ok_and(|t: f64| t < longest)) else {
        return Ok(());
    };
    let mended = text.replacen(&format!("{TARGET}{target}\n"), &format!("{TARGET}{longest}\n"), 1);
    fs::write(media, mended).map_err(Error::io("cannot write", media))
}

/// Bits per second: of the segment with the most, and of all.
fn rates(playlist: &str, media: &Path) -> Result<(u64, u64)> {
    let (mut peak, mut bits, mut secs, mut length) = (0.0_f64, 0.0, 0.0, 0.0);
    for line in playlist.lines() {
        if let Some(text) = line.strip_prefix("#EXTINF:") {
            length = text.split(',').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
        } else if !line.starts_with('#') && !line.is_empty() {
            let path = media.with_file_name(line);
            let size = fs::metadata(&path).map_err(Error::io("cannot read", &path))?.len();
            let own = size as f64 * 8.0;
            peak = peak.max(own / f64::max(length, 0.001));
            bits += own;
            secs += length;
        }
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, small")]
    let whole = |value: f64| value.ceil() as u64;
    Ok((whole(peak).max(1), whole(bits / f64::max(secs, 0.001)).max(1)))
}

/// The required decoders (RFC 6381), from the head of the segments.
fn codecs(playlist: &str, media: &Path, output: &OutputPlan) -> Option<String> {
    let map = playlist.lines().find_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\""))?;
    let head = fs::read(media.with_file_name(map.strip_suffix('"')?)).ok()?;
    let body = |name: &[u8; 4]| {
        let at = head.windows(4).position(|four| four == name)?;
        head.get(at + 4..at + 4 + 13)
    };
    let picture = if let Some(avc) = body(b"avcC") {
        format!("avc1.{:02x}{:02x}{:02x}", avc[1], avc[2], avc[3])
    } else {
        // ISO/IEC 14496-15, annex E.
        let hevc = body(b"hvcC")?;
        let space = ["", "A", "B", "C"][usize::from(hevc[1] >> 6)];
        let tier = if hevc[1] & 0x20 == 0 { 'L' } else { 'H' };
        let flags = u32::from_be_bytes([hevc[2], hevc[3], hevc[4], hevc[5]]).reverse_bits();
        let limits = &hevc[6..12];
        let used = limits.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let limits = limits[..used].iter().fold(String::new(), |mut text, byte| {
            _ = write!(text, ".{byte:X}");
            text
        });
        format!("hvc1.{space}{}.{flags:X}.{tier}{}{limits}", hevc[1] & 0x1f, hevc[12])
    };
    match &output.audio {
        None => Some(picture),
        Some(audio) if audio.codec == AudioCodec::Aac => Some(format!("{picture},mp4a.40.2")),
        Some(_) => None,
    }
}
