//! What libav may open for a page: the file that was asked for, and none that it names.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;

use pagereel::Picture;

use crate::sound::composition;
use crate::support::{judge, pictures};

/// Side of an element.
const SIDE: usize = 8;

/// Whether the element with this number is red in the middle.
fn is_red(picture: &Picture, number: usize) -> bool {
    let bytes = picture.format.bytes_per_pixel();
    let at = SIDE / 2 * picture.stride() + (number * SIDE + SIDE / 2) * bytes;
    let [r, g, b] = picture.format.rgb(&picture.data[at..][..bytes]);
    r > 150 && g < 100 && b < 100
}

/// Reproductions of what a page could read of the machine before there was one door.
#[test]
fn no_file_is_opened_that_another_names() {
    let private = tempfile::tempdir().unwrap();
    let red = ["-f", "lavfi", "-i", "color=red:s=16x16:r=5:d=2", "-pix_fmt", "yuv420p"];
    let made = |name: &str, more: &[&str]| {
        let path = private.path().join(name).to_str().unwrap().to_owned();
        judge("ffmpeg", &[&red[..], more, &["-y", &path]].concat());
        path
    };
    let ts = made("private.ts", &["-c:v", "libx264"]);
    let mp4 = made("private.mp4", &["-c:v", "libx264"]);
    let png = made("private.png", &["-frames:v", "1", "-update", "1"]);
    let hls = |file: &str| {
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{file}\n#EXT-X-ENDLIST\n")
    };
    let names = [
        "a.m3u8",
        "b.m3u8",
        "m.m3u8",
        "c.mpd",
        "abs.mp4",
        "linkc.mp4",
        "g%25d.png",
        "link.mp4",
        // The control: a file that lies where it may.
        "own.mp4",
    ];
    let videos: Vec<String> = names.iter().map(|name| format!("src='{name}'")).collect();
    let elements = videos.iter().map(String::as_str).chain([""; 2]).enumerate();
    let mut html = String::new();
    for (at, src) in elements {
        let left = at * SIDE;
        write!(
            html,
            "<video id=v{at} {src} muted data-start=0 style='position:absolute;top:0;left:{left}px;\
             width:{SIDE}px;height:{SIDE}px'></video>"
        )
        .unwrap();
    }
    let script = format!(
        "<img id=stolen style='position:absolute;top:0;left:{}px;width:{SIDE}px;height:{SIDE}px'>
        <script>
        const list = {};
        v9.src = URL.createObjectURL(new Blob([list]));
        v10.src = 'data:video/mp4;base64,' + btoa(list);
        (async () => {{
          const post = {{ method: 'POST', body: list }};
          const held = await (await fetch('/__pagereel/media/held', post)).json();
          const ask = '/__pagereel/media/info?src=' + encodeURIComponent(held.address);
          const info = await (await fetch(ask)).json();
          console.error('posted: ' + JSON.stringify(info));
          stolen.src = '/__pagereel/media/picture/' + (info.id ?? 0) + '/0/1.png';
          await stolen.decode().catch(() => 0);
        }})();</script>",
        11 * SIDE,
        serde_json::to_string(&hls(&ts)).unwrap(),
    );
    let (directory, mut job) = composition(0.2, &format!("{html}{script}"));
    let page = directory.path().join("index.html");
    let html = fs::read_to_string(&page).unwrap().replace("data-width='64'", "data-width='128'");
    fs::write(&page, html).unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("a.m3u8", &hls(&ts));
    write("b.m3u8", &hls(&format!("file://{ts}")));
    write("m.m3u8", &format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9\nfile://{ts}\n"));
    write(
        "c.mpd",
        &format!(
            "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
             profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\" mediaPresentationDuration=\"PT2S\"><Period><AdaptationSet mimeType=\"video/mp4\">\
             <Representation id=\"1\" bandwidth=\"9\"><BaseURL>file://{mp4}</BaseURL>\
             <SegmentBase/></Representation></AdaptationSet></Period></MPD>"
        ),
    );
    write("abs.mp4", &hls(&ts));
    write("linkc.mp4", "ffconcat version 1.0\nfile link.mp4\n");
    symlink(&mp4, directory.path().join("link.mp4")).unwrap();
    symlink(&png, directory.path().join("g1.png")).unwrap();
    fs::copy(&mp4, directory.path().join("own.mp4")).unwrap();

    let (report, frames) = pictures(&job);
    for frame in &frames {
        for at in (0..12).filter(|&at| at != 8) {
            assert!(!is_red(frame, at), "element {at}: {:?}", names.get(at));
        }
    }
    assert!(is_red(&frames[0], 8), "what may be shown is shown");
    let places = [private.path(), directory.path()].map(|p| p.to_str().unwrap().to_owned());
    for at in (0..11).filter(|&at| at != 8) {
        let about = format!("#v{at} ");
        let told =
            report.warnings.iter().find(|w| w.code == "video_failed" && w.message.contains(&about));
        let told = told.unwrap_or_else(|| panic!("nothing about {about}: {:?}", report.warnings));
        // Pages can read it.
        assert!(!places.iter().any(|place| told.message.contains(place)), "{}", told.message);
        if at == 0 {
            assert!(told.message.contains("a.m3u8: it is an HLS playlist"), "{}", told.message);
            assert!(told.message.contains("as one file"), "{}", told.message);
        }
    }
    job.strict = true;
    let refused = crate::support::render(&job).unwrap_err().to_string();
    assert!(refused.contains("HLS playlist"), "{refused}");
}

/// The same for sound, which other code opens.
#[test]
fn no_sound_is_opened_that_another_file_names() {
    let private = tempfile::tempdir().unwrap();
    let tone = private.path().join("private.mp3").to_str().unwrap().to_owned();
    judge("ffmpeg", &["-f", "lavfi", "-i", "sine=d=2", "-c:a", "libmp3lame", "-y", &tone]);
    let hls = format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{tone}\n#EXT-X-ENDLIST\n");
    let (directory, job) = composition(
        0.4,
        "<audio src='a.m3u8' data-start=0 data-duration=.4></audio>
         <audio src='b.mp3' data-start=0 data-duration=.4></audio>
         <audio src='c.wav' data-start=0 data-duration=.4></audio>",
    );
    fs::write(directory.path().join("a.m3u8"), &hls).unwrap();
    fs::write(directory.path().join("b.mp3"), &hls).unwrap();
    fs::write(directory.path().join("c.wav"), "ffconcat version 1.0\nfile link.mp3\n").unwrap();
    symlink(&tone, directory.path().join("link.mp3")).unwrap();
    let report = crate::support::render(&job).unwrap();
    let told = report.warnings.iter().filter(|w| w.code == "sound_not_loaded").count();
    assert_eq!(told, 3, "{:?}", report.warnings);
    let streams =
        judge("ffprobe", &["-show_streams", job.output.as_ref().unwrap().to_str().unwrap()]);
    assert!(!String::from_utf8_lossy(&streams).contains("codec_type=audio"), "nothing is heard");
}
