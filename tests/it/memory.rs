//! Memory does not depend on the length.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::support::{fixture, pagereel};

fn resident_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn five_thousand_frames_need_what_fifteen_hundred_need() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("long.mp4");
    let mut child = pagereel()
        .arg(fixture("frame-barcode"))
        .args(["--json", "--workers", "2", "--quality", "draft", "--size", "640x360"])
        .args(["--fps", "60", "--variables", r#"{"fps":60,"frames":5000}"#, "-o"])
        .arg(&output)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut early, mut late) = (Vec::new(), Vec::new());
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        match event["frame"].as_u64() {
            // The mean over a thousand frames each: single values, and so the highest, jump by
            // the frames that are in flight, which can be a third of all.
            Some(500..=1500) => early.push(resident_kib(child.id())),
            Some(3900..=4900) => late.push(resident_kib(child.id())),
            _ => {}
        }
    }
    assert!(child.wait().unwrap().success());
    assert!(early.len() > 20 && late.len() > 20);
    let mean = |kib: &[u64]| kib.iter().sum::<u64>() / kib.len() as u64;
    let (early, late) = (mean(&early), mean(&late));
    let growth = (late as f64 - early as f64) / early as f64;
    assert!(growth <= 0.1, "{early} KiB until frame 1500, {late} KiB until frame 4900");
}
