//! The one door through which libav opens files.
//!
//! A page chooses the bytes that are opened, and libav detects their format: also lists of other
//! files, which may name any file of this machine. So libav gets an open file to read from and
//! nothing else: the format is judged before it is acted upon, no protocol is allowed, and demuxers
//! that ask for a second file do not get one.

use std::ffi::{CStr, c_char, c_int};
use std::fs::File;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::ptr;

use ffmpeg_next::format::context::{Input, StreamIo};
use ffmpeg_next::{Dictionary, ffi};

use super::clock::Clock;
use super::{AvError, c_string, check};

/// Demuxers that read one file, and no others that it names.
const CONTAINERS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpegtsraw,mpeg,\
    mpegvideo,flv,live_flv,kux,asf,asf_o,ogg,mxf,gxf,lxf,nut,nsv,rm,wtv,ivf,obu,dv,dhav,swf,r3d,\
    h261,h263,h264,hevc,vvc,evc,m4v,av1,vc1,vc1test,dirac,dnxhd,cavsvideo,avs2,avs3,\
    mjpeg,mjpeg_2000,yuv4mpegpipe,roq,smk,bink,flic,\
    gif,gif_pipe,apng,png_pipe,jpeg_pipe,jpegls_pipe,webp_pipe,bmp_pipe,tiff_pipe,\
    jpegxl_pipe,jpegxl_anim,j2k_pipe,exr_pipe,qoi_pipe,dds_pipe,hdr_pipe,sgi_pipe,\
    wav,w64,aiff,caf,au,mp3,aac,loas,latm,ac3,ac4,eac3,flac,amr,amrnb,amrwb,ape,wv,tta,tak,\
    dts,dtshd,truehd,mlp,mpc,mpc8,gsm,ilbc,oma,aea,voc,sox,dsf,iff,shn,ircam,nistsphere,qcp,\
    xwma,daud,codec2,bonk,osq,aa,aax";

/// The formats of our own that are read back: the same, and playlists.
const WRITTEN: &str = "hls";

/// The size of one read, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// A file that libav reads.
pub(super) struct MediaInput {
    input: Input,
    pub clock: Clock,
}

impl MediaInput {
    fn new(input: Input) -> Self {
        Self { clock: Clock::of(&input), input }
    }
}

impl Deref for MediaInput {
    type Target = Input;

    fn deref(&self) -> &Input {
        &self.input
    }
}

impl DerefMut for MediaInput {
    fn deref_mut(&mut self) -> &mut Input {
        &mut self.input
    }
}

/// Opens a foreign file. `doing` is the failing action, for errors.
pub(super) fn open_media(path: &Path, doing: &str) -> Result<MediaInput, AvError> {
    let no_file = |e: std::io::Error| match e.raw_os_error() {
        Some(code) => AvError::new(doing, ffi::AVERROR(code)),
        None => AvError::refused(doing, e.to_string()),
    };
    let failed = |e: ffmpeg_next::Error| AvError::of(doing, e);
    let file = File::open(path).map_err(no_file)?;
    if file.metadata().map_err(no_file)?.is_dir() {
        return Err(AvError::refused(doing, "it is a directory"));
    }
    let mut io = StreamIo::from_read_seek_with_capacity(file, BUFFER_BYTES).map_err(failed)?;
    // Only the name's ending counts: the rest could be a pattern.
    let name = c_string(&format!("media.{}", ending(path)))?;
    let mut format: *const ffi::AVInputFormat = ptr::null();
    // SAFETY: an open reader, and a place for the answer; zero stands for libav's own limits.
    let probed = unsafe {
        let name = name.as_ptr();
        ffi::av_probe_input_buffer2(io.as_mut_ptr(), &raw mut format, name, ptr::null_mut(), 0, 0)
    };
    check(probed, doing)?;
    // SAFETY: a format that was found is static, and so is its name.
    let kind = unsafe { CStr::from_ptr((*format).name) }.to_string_lossy();
    if !is_listed(&kind) {
        return Err(AvError::refused(doing, refusal(&kind, path)));
    }
    let mut options = Dictionary::new();
    options.set("format_whitelist", &listed());
    // Nothing is opened except the file that is open already.
    options.set("protocol_whitelist", "none");
    // SAFETY: allocates, or returns null; what it allocates is owned by `opened` from then on.
    let opened = unsafe {
        let mut context = ffi::avformat_alloc_context();
        if context.is_null() {
            return Err(AvError::out_of_memory(doing));
        }
        (*context).pb = io.as_mut_ptr();
        (*context).io_open = Some(open_nothing);
        let mut raw = options.disown();
        let code = ffi::avformat_open_input(&raw mut context, name.as_ptr(), format, &raw mut raw);
        drop(Dictionary::own(raw));
        // A context that could not be opened has been freed.
        check(code, doing)?;
        Input::wrap_with_custom_io(context, io)
    };
    with_streams(opened, doing)
}

/// Opens a file of our own, which may be a playlist.
pub(super) fn open_written(path: &Path, doing: &str) -> Result<MediaInput, AvError> {
    if path.extension().is_none_or(|ending| ending != "m3u8") {
        return open_media(path, doing);
    }
    // FFmpeg takes the text before a colon for a protocol.
    let mut url = std::ffi::OsString::from("file:");
    url.push(path);
    let mut options = Dictionary::new();
    options.set("format_whitelist", &format!("{},{WRITTEN}", listed()));
    options.set("protocol_whitelist", "file");
    let opened = ffmpeg_next::format::input_with_dictionary(&url, options);
    opened.map(MediaInput::new).map_err(|e| AvError::of(doing, e))
}

/// Reads the beginning of the streams: not all is in the headers.
fn with_streams(mut input: Input, doing: &str) -> Result<MediaInput, AvError> {
    // SAFETY: an open context.
    let found = unsafe { ffi::avformat_find_stream_info(input.as_mut_ptr(), ptr::null_mut()) };
    check(found, doing)?;
    Ok(MediaInput::new(input))
}

/// Refuses to open other files that a file names.
unsafe extern "C" fn open_nothing(
    _: *mut ffi::AVFormatContext,
    _: *mut *mut ffi::AVIOContext,
    _: *const c_char,
    _: c_int,
    _: *mut *mut ffi::AVDictionary,
) -> c_int {
    ffi::AVERROR(ffi::EPERM)
}

/// The ending of a file's name, if it can be one of media.
fn ending(path: &Path) -> &str {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let is_plain = ending.len() <= 8 && ending.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_plain { ending } else { "" }
}

fn listed() -> String {
    CONTAINERS.split_ascii_whitespace().collect()
}

/// Whether one of a demuxer's names is on the list.
fn is_listed(kind: &str) -> bool {
    let names = CONTAINERS.split(',').map(str::trim);
    names.into_iter().any(|name| kind.split(',').any(|kind| kind == name))
}

/// The reason why a file is not opened whose format libav detects as `kind`.
fn refusal(kind: &str, path: &Path) -> String {
    let list = match kind {
        "hls" | "applehttp" | "hls,applehttp" => "an HLS playlist",
        "dash" | "webm_dash_manifest" => "a DASH manifest",
        "concat" => "a list of files for ffmpeg's concat demuxer",
        "imf" => "an IMF composition playlist",
        "sdp" | "rtsp" | "rtp" => "a description of a stream",
        kind => {
            return format!(
                "it is taken for the format `{kind}`, expected a video or sound file, such as MP4, \
                 WebM, WAV or MP3"
            );
        }
    };
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    format!(
        "it is {list}, which names other files, and those are not opened: name the video or sound \
         itself, as one file (`ffmpeg -i {name} -c copy one.mp4` makes one)"
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn refused(path: &Path) -> String {
        super::super::init();
        let opened = open_media(path, "cannot read it");
        opened.map_or_else(|e| e.to_string(), |_| "opened".to_owned())
    }

    /// Lists of any name, even if the files that they name exist and can be read.
    #[test]
    fn lists_of_files_are_not_opened() {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        let hls = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n";
        let dash = "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" \
            profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\" type=\"static\"><Period><AdaptationSet><Representation id=\"1\"><BaseURL>a.mp4\
            </BaseURL></Representation></AdaptationSet></Period></MPD>";
        let concat = "ffconcat version 1.0\nfile link.mp4\n";
        let sdp = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n\
            m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n";
        for (kind, text) in [("HLS", hls), ("DASH", dash), ("concat", concat), ("", sdp)] {
            for ending in ["m3u8", "mpd", "mp4", "webm", "ffconcat", "sdp", "bin", "mp3"] {
                let path = place(&format!("a.{ending}"));
                fs::write(&path, text).unwrap();
                let told = refused(&path);
                assert!(told != "opened" && told.contains(kind), "{kind} as {ending}: {told}");
            }
        }
        // A name is no pattern.
        symlink("/nowhere", place("g1.png")).unwrap();
        assert!(refused(&place("g%d.png")).contains("no such file"));
    }
}
