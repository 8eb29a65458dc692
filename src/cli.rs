//! The command line: arguments as typed, then as meant.

mod arguments;
mod still;
mod work;

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use pagereel::job::{Address, ColorMode, Container, Job, Sandbox};
use serde_json::{Map, Value};

pub(crate) use self::arguments::{CheckArgs, Cli, Command, PageArgs, RenderArgs, ReportTo};
pub(crate) use self::still::StillArgs;
pub(crate) use self::work::{AssembleArgs, ChunkArgs, PlanArgs, StatusArgs};

impl RenderArgs {
    /// The job that the arguments mean: the input's, with every option in its place.
    ///
    /// Relative paths are relative to the current directory.
    pub(crate) fn job(&self) -> Result<Job> {
        let mut job = self.page.job(&self.input)?;
        self.replace_fields(&mut job);
        if !job.has_outputs() {
            bail!("no file to write: pass -o FILE, such as -o out.mp4: {}", self.input);
        }
        if job.writes_to_stdout() && (self.json || self.report == Some(ReportTo::Stdout)) {
            bail!("standard output is taken by the video: leave out --json and --report -");
        }
        Ok(job)
    }

    fn replace_fields(&self, job: &mut Job) {
        replace(&mut job.output, self.output.as_ref());
        replace(&mut job.format, self.format.as_ref());
        if self.format == Some(Container::Null) && self.output.is_none() {
            // The job's file is left as it is.
            job.output = None;
        }
        replace(&mut job.frames, self.frames.as_ref());
        replace(&mut job.capture.workers, self.workers.as_ref());
        replace(&mut job.video.codec, self.codec.as_ref());
        job.video.quality = self.quality.unwrap_or(job.video.quality);
        if let Some(repeats) = self.gif_loop {
            job.video.plays = if repeats == 0 { 0 } else { u32::from(repeats) + 1 };
        }
        if let Some(plays) = self.plays {
            job.video.plays = plays.into();
            job.outputs.iter_mut().for_each(|output| output.video.plays = plays.into());
        }
        job.alpha |= self.alpha;
        job.resume |= self.resume;
        if self.sdr {
            job.color.mode = ColorMode::Sdr;
        } else if self.hdr && !matches!(job.color.mode, ColorMode::Hdr10 | ColorMode::Hlg) {
            job.color.mode = ColorMode::Hlg;
        }
        // Each of the three says how good the picture is; the command line has the last word.
        if self.quality.is_some() || self.crf.is_some() || self.bitrate.is_some() {
            job.video.crf = self.crf;
            job.video.bitrate = self.bitrate;
        }
    }
}

impl CheckArgs {
    /// The job that the arguments mean. It need not have an output.
    pub(crate) fn job(&self) -> Result<Job> {
        self.page.job(&self.input)
    }
}

impl PageArgs {
    /// The input's job, with every option in its place.
    fn job(&self, input: &str) -> Result<Job> {
        let mut job = match read(input)? {
            Input::Job(path) => Job::from_file(path)?,
            Input::Page(address) => Job::without_output(address),
        };
        if let Some(file) = &self.composition {
            choose_page(&mut job, file)?;
        }
        self.replace_fields(&mut job)?;
        Ok(job)
    }

    fn replace_fields(&self, job: &mut Job) -> Result<()> {
        replace(&mut job.fps, self.fps.as_ref());
        replace(&mut job.size, self.size.as_ref());
        if self.scale.is_some() {
            job.resolution = None;
        } else if self.resolution.is_some() {
            job.scale = 1.0;
        }
        job.scale = self.scale.unwrap_or(job.scale);
        replace(&mut job.resolution, self.resolution.as_ref());
        replace(&mut job.duration, self.duration.as_ref());
        replace(&mut job.browser.path, self.chrome.as_ref());
        job.capture.mode = self.capture.unwrap_or(job.capture.mode);
        job.network.map.extend(self.map.iter().cloned());
        if let Some(policy) = &self.network {
            job.network.policy = policy.clone();
        }
        job.strict |= self.strict;
        if self.no_sandbox {
            job.browser.sandbox = Sandbox::Off;
        }
        job.strict_variables |= self.strict_variables;
        if let Some(text) = &self.variables {
            job.variables.extend(variables(text)?);
        }
        if let Some(file) = &self.variables_file {
            job.variables.extend(variables(&format!("@{}", file.display()))?);
        }
        Ok(())
    }
}

/// What HyperFrames calls the file that makes a directory a project.
const PROJECT_FILE: &str = "hyperframes.json";

enum Input {
    Job(PathBuf),
    Page(Address),
}

fn read(text: &str) -> Result<Input> {
    let address: Address = text.parse().map_err(|e| anyhow!("{e}: {text:?}"))?;
    Ok(match address {
        // HyperFrames' project file stands for its directory; it says nothing about renders.
        Address::Path(path) if path.file_name() == Some(PROJECT_FILE.as_ref()) => {
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            Input::Page(Address::Path(directory.unwrap_or(Path::new(".")).into()))
        }
        Address::Path(path) if is_job(&path) => Input::Job(path),
        address => Input::Page(address),
    })
}

/// Makes a file in the composition's directory the page. The directory stays the root.
fn choose_page(job: &mut Job, file: &Path) -> Result<()> {
    let Address::Path(directory) = &job.composition else {
        bail!("--composition is a file in a directory, but the composition is {}", job.composition)
    };
    if !directory.is_dir() {
        bail!("--composition is a file in a directory, but {} is none", directory.display());
    }
    let is_name = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !file.components().all(is_name) {
        bail!("--composition must stay inside of {}: {}", directory.display(), file.display());
    }
    let root = directory.clone();
    job.composition = Address::Path(root.join(file));
    job.root.get_or_insert(root);
    Ok(())
}

fn is_job(path: &Path) -> bool {
    !path.is_dir() && path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("json"))
}

fn replace<T: Clone>(field: &mut Option<T>, option: Option<&T>) {
    if option.is_some() {
        *field = option.cloned();
    }
}

fn variables(text: &str) -> Result<Map<String, Value>> {
    let json = match text.strip_prefix('@') {
        Some(path) => &fs::read_to_string(path)
            .with_context(|| format!("cannot read the file of --variables: {path}"))?,
        None => text,
    };
    match serde_json::from_str(json).context("--variables is not JSON")? {
        Value::Object(map) => Ok(map),
        other => bail!("--variables must be a JSON object, found {other}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Parser as _;
    use pagereel::frame::Size;
    use pagereel::job::{
        Bitrate, CaptureMode, Codec, FrameRange, JobError, NetworkPolicy, Quality, Resolution,
    };
    use serde_json::json;

    use super::*;

    fn parse(args: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("pagereel").chain(args.split_whitespace()))
    }

    fn args(args: &str) -> RenderArgs {
        parse(args).unwrap().render.unwrap()
    }

    fn message(error: &anyhow::Error) -> String {
        format!("{error:#}")
    }

    /// A job file that says something about everything that an option can replace.
    fn job_file() -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.json");
        let job = json!({
            "composition": "index.html", "output": "out.mp4", "fps": 24, "size": "640x360",
            "duration": 1, "frames": "0..9", "variables": { "a": 1, "b": 1 },
            "video": { "quality": "high", "bitrate": "1M", "preset": "fast" },
            "capture": { "mode": "screenshot", "workers": 1 },
            "network": { "policy": "deny", "map": { "https://a.b/": "old", "https://x.y/": "/z" } },
        });
        fs::write(&path, job.to_string()).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (dir, path)
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_page_needs_only_an_output() {
        let job = args("page.html -o out.mp4").job().unwrap();
        assert_eq!(job, Job::new("page.html", "out.mp4"));
        let job = args("https://example.org/job.json -o out.mp4").job().unwrap();
        assert!(matches!(job.composition, Address::Url(_)));
        let error = args("page.html").job().unwrap_err();
        assert_eq!(
            message(&error),
            "no file to write: pass -o FILE, such as -o out.mp4: page.html"
        );
    }

    #[test]
    fn without_options_a_job_file_is_taken_as_it_is() {
        let (_dir, path) = job_file();
        assert_eq!(args(&path).job().unwrap(), Job::from_file(&path).unwrap());
    }

    #[test]
    fn options_replace_fields() {
        let (_dir, path) = job_file();
        let options = "-o b.mkv --fps 30000/1001 --size 1920x1080 --scale 1.5 --duration 2.5 --frames 3..9 \
                       --workers 4 --quality draft --crf 20 --codec h264 --capture beginFrame \
                       --variables {\"b\":2,\"c\":[3]} --strict --no-sandbox --chrome /opt/chrome \
                       --map https://a.b/?c=d=e.css --map https://a.b/=dir --network *.c.d,e:80";
        let job = args(&format!("{path} {options}")).job().unwrap();

        let mut expected = Job::from_file(&path).unwrap();
        expected.output = Some("b.mkv".into());
        expected.fps = "30000/1001".parse().ok();
        expected.size = Some(Size { width: 1920, height: 1080 });
        expected.scale = 1.5;
        expected.duration = Some(2.5);
        expected.frames = Some(FrameRange { start: 3, end: 9 });
        expected.capture.workers = Some(4);
        expected.video.codec = Some(Codec::H264);
        expected.video.quality = Quality::Draft;
        expected.video.crf = Some(20.0);
        expected.video.bitrate = None;
        expected.capture.mode = CaptureMode::BeginFrame;
        expected.variables = json!({ "a": 1, "b": 2, "c": [3] }).as_object().unwrap().clone();
        expected.network.map = BTreeMap::from(
            [("https://a.b/", "dir"), ("https://a.b/?c=d", "e.css"), ("https://x.y/", "/z")]
                .map(|(prefix, target)| (prefix.into(), target.into())),
        );
        expected.network.policy = NetworkPolicy::Hosts(vec!["*.c.d".into(), "e:80".into()]);
        expected.strict = true;
        expected.browser.sandbox = Sandbox::Off;
        expected.browser.path = Some("/opt/chrome".into());
        assert_eq!(job, expected);
        assert_eq!(job.video.preset.as_deref(), Some("fast"));
    }

    #[test]
    fn hyperframes_words_are_understood() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap();
        fs::create_dir(dir.path().join("scenes")).unwrap();
        for file in ["index.html", "scenes/one.html", "hyperframes.json", "meta.json"] {
            fs::write(dir.path().join(file), "{\"unknown\":1}").unwrap();
        }
        fs::write(dir.path().join("values.json"), "{\"title\":\"A\"}").unwrap();
        let job = args(&format!(
            "{path} -o a.mp4 -f 25 -q looks -w 2 -c scenes/one.html --resolution landscape-4k \
             --video-bitrate 3M --variables-file {path}/values.json --strict-variables --sdr \
             --gif-loop 2"
        ))
        .job()
        .unwrap();
        assert_eq!(job.composition, Address::Path(dir.path().join("scenes/one.html")));
        assert_eq!(job.root.as_deref(), Some(dir.path()));
        assert_eq!(job.fps, "25".parse().ok());
        assert_eq!(
            (job.video.quality, job.video.bitrate),
            (Quality::Looks, Some(Bitrate(3_000_000)))
        );
        assert_eq!((job.capture.workers, job.resolution), (Some(2), Some(Resolution::Landscape4k)));
        assert_eq!(job.variables["title"], "A");
        assert!(job.strict_variables);
        assert_eq!((job.color.mode, job.video.plays), (ColorMode::Sdr, 3));
        let job = format!("{path}/hyperframes.json -o a.mp4 -q delivery --hdr -c .");
        let job = args(&job).job().unwrap();
        assert!(job.entry().unwrap().to_string().ends_with("index.html"));
        assert_eq!((job.video.quality, job.color.mode), (Quality::Delivery, ColorMode::Hlg));
        for wrong in
            ["--hdr --sdr", "--resolution 8k", "--resolution hd --scale 2", "--gif-loop -1"]
        {
            assert!(parse(&format!("{path} -o a.mp4 {wrong}")).is_err(), "{wrong}");
        }
        let error = args(&format!("{path} -o a.mp4 -c ../one.html")).job().unwrap_err();
        assert!(message(&error).contains("must stay inside"), "{error}");
    }

    #[test]
    fn the_last_word_on_quality_is_the_command_lines() {
        let (_dir, path) = job_file();
        let rates = |options: &str| {
            let video = args(&format!("{path} {options}")).job().unwrap().video;
            (video.crf, video.bitrate)
        };
        assert_eq!(rates(""), (None, Some(Bitrate(1_000_000))));
        assert_eq!(rates("--crf 20"), (Some(20.0), None));
        assert_eq!(rates("--bitrate 2M"), (None, Some(Bitrate(2_000_000))));
        assert_eq!(rates("--quality draft"), (None, None));
        assert!(parse("a.html --crf 20 --bitrate 2M").is_err());
    }

    #[test]
    fn an_output_may_come_from_the_command_line_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.json");
        fs::write(&path, r#"{ "composition": "index.html" }"#).unwrap();
        let path = path.to_str().unwrap();
        assert!(args(path).job().is_err());
        let job = args(&format!("{path} -o out.mp4")).job().unwrap();
        assert_eq!(job.output, Some("out.mp4".into()));
    }

    #[test]
    fn variables_come_as_json_or_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("values.json");
        fs::write(&path, r#"{ "title": "two words" }"#).unwrap();
        let job = args(&format!("a.html -o a.mp4 --variables @{}", path.display())).job().unwrap();
        assert_eq!(job.variables["title"], "two words");

        let refused = |json: &str| {
            message(&args(&format!("a.html -o a.mp4 --variables {json}")).job().unwrap_err())
        };
        assert_eq!(refused("[1]"), "--variables must be a JSON object, found [1]");
        assert!(refused("{").starts_with("--variables is not JSON: EOF while parsing"));
        assert!(refused("@nope").starts_with("cannot read the file of --variables: nope: "));
    }

    #[test]
    fn errors_of_the_job_keep_their_type() {
        let error = args("missing.json").job().unwrap_err();
        assert_eq!(message(&error), "the job file does not exist: missing.json");
        assert!(error.downcast_ref::<JobError>().is_some());
        let error = args("ftp://example.org -o a.mp4").job().unwrap_err();
        assert_eq!(
            message(&error),
            "expected a file, a directory or an http(s) URL: \"ftp://example.org\""
        );
    }

    #[test]
    fn arguments_are_refused_with_what_was_expected() {
        let cases = [
            (
                "--fps 29.97",
                "expected a whole number or a ratio such as 30000/1001, within 1 to 240; for 29.97 write 30000/1001",
            ),
            ("--fps 0", "expected a whole number or a ratio such as 30000/1001, within 1 to 240"),
            ("--size 1080", "expected WIDTHxHEIGHT in pixels, such as 1920x1080"),
            ("--frames 9", "expected START..END, such as 0..90"),
            ("--bitrate fast", "expected bits per second, such as 10M or 800k"),
            ("--quality best", "`standard`, `looks`, `high`, `delivery`, `lossless`"),
            ("--codec mpeg2", "`prores`"),
            ("--format avi", "`webm`"),
            ("--map node_modules", "expected PREFIX=DIR, such as https://unpkg.com/=node_modules"),
            ("--network a/b", "expected allow, deny or host names such as a.org,*.b.org"),
            (
                "--capture camera",
                "expected one of `auto`, `display`, `beginFrame`, `screenshot`, `canvas`",
            ),
        ];
        for (option, expected) in cases {
            let error = parse(&format!("a.html {option}")).unwrap_err().to_string();
            assert!(error.contains(expected), "{option}: {error}");
        }
    }

    #[test]
    fn subcommands_stand_alone() {
        let cli = parse("plan a.html -o b.mp4 --fps 25").unwrap();
        assert!(cli.render.is_none());
        let Some(Command::Plan(plan)) = cli.command else { panic!("{:?}", cli.command) };
        assert_eq!(plan.render.job().unwrap().fps, "25".parse().ok());
        assert!(matches!(parse("doctor").unwrap().command, Some(Command::Doctor)));
        let schema = parse("schema").unwrap().command;
        assert!(matches!(schema, Some(Command::Schema { of: arguments::SchemaOf::Job })));
        let Some(Command::Check(check)) = parse("check a.html --json --strict").unwrap().command
        else {
            panic!("check");
        };
        assert!(check.json && check.job().unwrap().strict);
        assert!(parse("check a.html -o b.mp4").is_err());
        assert!(parse("a.html plan").is_err());
        assert!(parse("plan").is_err());
        assert!(parse("").is_err());
    }

    #[test]
    fn the_report_may_go_to_standard_output() {
        assert_eq!(args("a.html --report -").report, Some(ReportTo::Stdout));
        let file = ReportTo::File("r.json".into());
        assert_eq!(args("a.html --report r.json --json --quiet").report, Some(file));
    }
}
