//! Cues of subtitles: reads `WebVTT` and `SubRip`, and writes the formats of containers.
//!
//! Only the styles that all formats have are kept: bold, italic and underlined text.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::iter::{Enumerate, Peekable};
use std::path::Path;
use std::str::Lines;

/// Longest file, in bytes.
const MOST_BYTES: u64 = 16 << 20;

/// Longest text of a cue, in bytes: MP4 counts the bytes of all simultaneous cues in 16 bits.
const MOST_TEXT: usize = 4096;

/// Most simultaneous cues, where a container has one at a time.
const MOST_TOGETHER: usize = 15;

/// A text that is shown from one time to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cue {
    /// Milliseconds.
    pub start: i64,
    /// Milliseconds.
    pub end: i64,
    pieces: Vec<Piece>,
}

/// A part of a cue's text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `b`, `i` or `u`, opened or closed.
    Tag(char, bool),
}

/// Reads a file of cues; they come in the order of their time. An error names the line.
pub(crate) fn read_cues(path: &Path) -> Result<Vec<Cue>, String> {
    let failed = |e: std::io::Error| format!("cannot be read: {e}");
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err("is no file".into());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("has more than {} MiB", MOST_BYTES >> 20));
    }
    cues_of(&bytes)
}

/// Reads cues as [`read_cues`] does, from bytes.
pub(crate) fn cues_of(bytes: &[u8]) -> Result<Vec<Cue>, String> {
    parse_cues(&text_of(bytes)?)
}

/// The cues in the text of a file, in the order of their time. An error names the line.
pub(crate) fn cues_in(text: &str) -> Result<Vec<Cue>, String> {
    if text.len() as u64 > MOST_BYTES {
        return Err(format!("has more than {} MiB", MOST_BYTES >> 20));
    }
    parse_cues(&text_of(text.as_bytes())?)
}

/// A file of `WebVTT`.
pub(crate) fn webvtt_file(cues: &[Cue]) -> String {
    let mut file = String::from("WEBVTT\n");
    for cue in cues {
        let [start, end] = [cue.start, cue.end].map(|ms| stamp(ms, '.'));
        _ = write!(file, "\n{start} --> {end}\n{}\n", cue.webvtt());
    }
    file
}

/// A file of `SubRip`.
pub(crate) fn subrip_file(cues: &[Cue]) -> String {
    let mut file = String::new();
    for (n, cue) in (1..).zip(cues) {
        let [start, end] = [cue.start, cue.end].map(|ms| stamp(ms, ','));
        _ = writeln!(file, "{n}\n{start} --> {end}");
        // An empty line would end the cue.
        let text = cue.subrip();
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines.for_each(|line| file.extend([line, "\n"]));
        file.push('\n');
    }
    file
}

/// Milliseconds in the format of cue files, with `point` before the thousandths.
fn stamp(ms: i64, point: char) -> String {
    let (secs, ms) = (ms / 1000, ms % 1000);
    format!("{:02}:{:02}:{:02}{point}{ms:03}", secs / 3600, secs / 60 % 60, secs % 60)
}

/// Text of UTF-8, or of UTF-16 with its mark; line ends become plain ones.
fn text_of(bytes: &[u8]) -> Result<String, String> {
    let wide = |from: fn([u8; 2]) -> u16| {
        let units: Vec<_> = bytes[2..].as_chunks().0.iter().map(|pair| from(*pair)).collect();
        String::from_utf16(&units).map_err(|_e| "is no valid UTF-16".to_owned())
    };
    let text = match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes)?,
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes)?,
        _ => String::from_utf8(bytes.to_vec()).map_err(|e| {
            let line = bytes[..e.utf8_error().valid_up_to()].split(|b| *b == b'\n').count();
            format!("line {line} is no valid UTF-8")
        })?,
    };
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    Ok(text.replace('\0', "\u{fffd}"))
}

const EXPECTED: &str = "a time such as 00:00:01.000 --> 00:00:02.000";

fn parse_cues(text: &str) -> Result<Vec<Cue>, String> {
    let is_vtt = starts_block(text.lines().next().unwrap_or_default(), "WEBVTT");
    let mut cues: Vec<Cue> = Vec::new();
    // The text of the last cue, unparsed: the text of SubRip may have empty lines.
    let mut open: Option<(usize, i64, i64, String)> = None;
    let mut lines = text.lines().enumerate().peekable();
    let is_blank = |line: &str| ends_block(line, is_vtt);
    if is_vtt {
        while lines.next_if(|(_, line)| !is_blank(line) && !has_time(line)).is_some() {}
    }
    while let Some((at, line)) = lines.next() {
        let number = at + 1;
        if is_blank(line) {
            continue;
        }
        if is_vtt && ["NOTE", "STYLE", "REGION"].iter().any(|word| starts_block(line, word)) {
            while lines.next_if(|(_, line)| !is_blank(line)).is_some() {}
            continue;
        }
        if !has_time(line) {
            let next = lines.peek().map(|(_, line)| *line);
            let is_number = line.trim().bytes().all(|b| b.is_ascii_digit());
            let is_last = lines.clone().all(|(_, line)| is_blank(line));
            if next.is_some_and(has_time) || (is_number && is_last) {
                // The line is the name of the cue that follows, or a number at the very end.
                continue;
            }
            match &mut open {
                // Some files have an empty line between the time and the text.
                Some((.., body)) if (!is_vtt || body.is_empty()) && !is_meant_as_time(line) => {
                    if !body.is_empty() {
                        body.push('\n');
                    }
                    body.push_str(line);
                    for line in block(&mut lines, is_vtt)? {
                        body.push('\n');
                        body.push_str(line);
                    }
                    body.truncate(body.trim_end().len());
                    continue;
                }
                _ => return Err(no_time(number, line)),
            }
        }
        let (start, end) = times(line).ok_or_else(|| no_time(number, line))?;
        if end <= start {
            let line = shown(line);
            return Err(format!("line {number}: the cue ends before it begins: {line}"));
        }
        let body = block(&mut lines, is_vtt)?.join("\n").trim_end().to_owned();
        close(&mut cues, open.replace((number, start, end, body)), is_vtt)?;
    }
    close(&mut cues, open, is_vtt)?;
    cues.sort_by_key(|cue| (cue.start, cue.end));
    Ok(cues)
}

fn no_time(number: usize, line: &str) -> String {
    format!("line {number}: expected {EXPECTED}, found {}", shown(line))
}

/// Whether the line is meant as a time, but not written as one.
fn is_meant_as_time(line: &str) -> bool {
    let is_time = |word: Option<&str>| word.and_then(time).is_some();
    let mut words = line.split_whitespace();
    let begins = line.trim_start().starts_with(|c: char| c.is_ascii_digit());
    begins && (line.contains("->") || (is_time(words.next()) && is_time(words.next_back())))
}

fn has_time(line: &str) -> bool {
    line.contains("-->")
}

/// Whether the line is empty. In `WebVTT` a space makes it another.
fn ends_block(line: &str, is_vtt: bool) -> bool {
    line.is_empty() || (!is_vtt && line.trim().is_empty())
}

/// The lines up to an empty one, or to the next cue.
fn block<'a>(
    lines: &mut Peekable<Enumerate<Lines<'a>>>,
    is_vtt: bool,
) -> Result<Vec<&'a str>, String> {
    let mut block = Vec::new();
    while let Some((at, line)) =
        lines.next_if(|(_, line)| !ends_block(line, is_vtt) && !has_time(line))
    {
        if is_meant_as_time(line) {
            return Err(no_time(at + 1, line));
        }
        block.push(line);
    }
    let is_next = lines.peek().is_some_and(|(_, line)| has_time(line));
    if is_next && block.last().is_some_and(|line| line.bytes().all(|b| b.is_ascii_digit())) {
        // There is no empty line between two cues: that line was the number of the next.
        block.pop();
    }
    Ok(block)
}

/// Adds a cue whose text is complete. One without any text is skipped.
fn close(
    cues: &mut Vec<Cue>,
    read: Option<(usize, i64, i64, String)>,
    is_vtt: bool,
) -> Result<(), String> {
    let Some((line, start, end, body)) = read else { return Ok(()) };
    if body.len() > MOST_TEXT {
        return Err(format!("line {line}: the cue's text has more than {MOST_TEXT} bytes"));
    }
    let pieces = pieces(&body, is_vtt);
    if pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if !text.trim().is_empty())) {
        cues.push(Cue { start, end, pieces });
    }
    Ok(())
}

/// A line as shown in messages.
fn shown(line: &str) -> String {
    const LONGEST: usize = 60;
    let short: String = line.chars().take(LONGEST).collect();
    let dots = if short.len() < line.len() { "\u{2026}" } else { "" };
    format!("{:?}", short + dots)
}

fn starts_block(line: &str, word: &str) -> bool {
    line.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

fn times(line: &str) -> Option<(i64, i64)> {
    let (start, rest) = line.split_once("-->")?;
    Some((time(start.trim())?, time(rest.split_whitespace().next()?)?))
}

/// Parses `01:02:03.004`, `02:03.004`, also with a comma; returns milliseconds.
fn time(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(part) || part.len() > 9 {
        return None;
    }
    let ms: i64 = format!("{part:0<3}")[..3].parse().ok()?;
    let fields: Vec<&str> = whole.split(':').collect();
    if !(2..=3).contains(&fields.len()) || !fields.iter().all(|f| is_number(f) && f.len() <= 4) {
        return None;
    }
    let values: Vec<i64> =
        fields.iter().map(|field| field.parse()).collect::<Result<_, _>>().ok()?;
    let (minutes, seconds) = (values[values.len() - 2], values[values.len() - 1]);
    let hours = if values.len() == 3 { values[0] } else { 0 };
    (minutes < 60 && seconds < 60).then_some(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms)
}

/// Tags of `SubRip` files; anything else between such signs is text.
const SUBRIP_TAGS: [&str; 10] = ["b", "i", "u", "s", "font", "em", "strong", "span", "c", "v"];

fn tag_name(inner: &str) -> String {
    let name = inner.trim_start_matches('/');
    let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    name.to_ascii_lowercase()
}

/// Tags and text of a cue. Tags that not all formats know are dropped, and their text stays.
fn pieces(text: &str, is_vtt: bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '{']) {
        let closing = if rest[at..].starts_with('<') { '>' } else { '}' };
        let end = rest[at..].find(closing).map(|length| at + length);
        let inner = end.map(|end| &rest[at + 1..end]);
        // `{\an8}` is SubRip's notation for a place; other braces and signs are text.
        let is_tag = inner.is_some_and(|inner| match closing {
            '}' => !is_vtt && inner.starts_with('\\'),
            _ if is_vtt => inner.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/'),
            _ => SUBRIP_TAGS.contains(&&*tag_name(inner)),
        });
        if let (true, Some(inner), Some(end)) = (is_tag, inner, end) {
            push_text(&mut pieces, &rest[..at], is_vtt);
            let name = if closing == '>' { tag_name(inner) } else { String::new() };
            if let ("b" | "i" | "u", Some(letter)) = (name.as_str(), name.chars().next()) {
                pieces.push(Piece::Tag(letter, !inner.starts_with('/')));
            }
            rest = &rest[end + 1..];
        } else {
            push_text(&mut pieces, &rest[..=at], is_vtt);
            rest = &rest[at + 1..];
        }
    }
    push_text(&mut pieces, rest, is_vtt);
    pieces
}

fn push_text(pieces: &mut Vec<Piece>, text: &str, is_vtt: bool) {
    if text.is_empty() {
        return;
    }
    let text = if is_vtt { unescaped(text) } else { text.to_owned() };
    match pieces.last_mut() {
        Some(Piece::Text(last)) => last.push_str(&text),
        _ => pieces.push(Piece::Text(text)),
    }
}

const ESCAPES: [(&str, &str); 9] = [
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&nbsp;", "\u{a0}"),
    ("&lrm;", "\u{200e}"),
    ("&rlm;", "\u{200f}"),
    ("&quot;", "\""),
    ("&apos;", "'"),
    ("&#39;", "'"),
    ("&amp;", "&"),
];

fn unescaped(text: &str) -> String {
    ESCAPES.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

impl Cue {
    /// The text without styles, and ranges of characters (from, to) with their styles: 1 is bold, 2
    /// italic, 4 underlined.
    pub(crate) fn styled(&self) -> (String, Vec<(usize, usize, u8)>) {
        let mut text = String::new();
        let (mut runs, mut depths, mut at) = (Vec::new(), [0_u32; 3], 0);
        for piece in &self.pieces {
            match piece {
                Piece::Text(part) => {
                    let end = at + part.chars().count();
                    let styles = depths.iter().enumerate();
                    let style = styles.map(|(i, depth)| u8::from(*depth > 0) << i).sum();
                    if style > 0 {
                        runs.push((at, end, style));
                    }
                    text.push_str(part);
                    at = end;
                }
                Piece::Tag(letter, opens) => {
                    let depth = &mut depths[match letter {
                        'b' => 0,
                        'i' => 1,
                        _ => 2,
                    }];
                    *depth = if *opens { *depth + 1 } else { depth.saturating_sub(1) };
                }
            }
        }
        (text, runs)
    }

    /// The text in `SubRip`.
    pub(crate) fn subrip(&self) -> String {
        self.written(str::to_owned)
    }

    /// The text in `WebVTT`.
    pub(crate) fn webvtt(&self) -> String {
        let escaped =
            |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.written(escaped)
    }

    fn written(&self, text: impl Fn(&str) -> String) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(part) => out.push_str(&text(part)),
                Piece::Tag(letter, true) => out.extend(['<', *letter, '>']),
                Piece::Tag(letter, false) => out.extend(['<', '/', *letter, '>']),
            }
        }
        out.trim_matches('\n').to_owned()
    }

    /// The same cue at other times, in milliseconds.
    pub(crate) fn at(&self, start: i64, end: i64) -> Self {
        Self { start, end, pieces: self.pieces.clone() }
    }

    /// The cues of a part of the whole, `start` to `end` in milliseconds, counted from its start.
    pub(crate) fn within(cues: &[Self], start: i64, end: i64) -> Vec<Self> {
        let cut = |cue: &Self| {
            let (from, until) = (cue.start.max(start), cue.end.min(end));
            (from < until).then(|| cue.at(from - start, until - start))
        };
        cues.iter().filter_map(cut).collect()
    }

    /// The same text for containers that show one cue at a time: overlapping cues become one. The
    /// error names the place of too many.
    pub(crate) fn one_at_a_time(cues: &[Self]) -> Result<Vec<Self>, String> {
        let mut moments: Vec<i64> = cues.iter().flat_map(|cue| [cue.start, cue.end]).collect();
        moments.sort_unstable();
        moments.dedup();
        let mut out: Vec<Self> = Vec::new();
        let (mut shown, mut rest): (Vec<&Self>, _) = (Vec::new(), cues.iter().peekable());
        for pair in moments.windows(2) {
            let (start, end) = (pair[0], pair[1]);
            shown.retain(|cue| cue.end > start);
            while let Some(cue) = rest.next_if(|cue| cue.start <= start) {
                shown.push(cue);
            }
            if shown.len() > MOST_TOGETHER {
                let secs = start as f64 / 1000.0;
                return Err(format!("more than {MOST_TOGETHER} cues show together at {secs} s"));
            }
            let mut pieces: Vec<Piece> = Vec::new();
            for cue in &shown {
                if !pieces.is_empty() {
                    pieces.push(Piece::Text("\n".into()));
                }
                pieces.extend(cue.pieces.iter().cloned());
                pieces.extend(cue.unclosed());
            }
            if !pieces.is_empty() {
                out.push(Self { start, end, pieces });
            }
        }
        Ok(out)
    }

    /// The tags that close its styles.
    fn unclosed(&self) -> Vec<Piece> {
        let letters = ['b', 'i', 'u'].into_iter();
        let closing = letters.flat_map(|letter| {
            let open = self.pieces.iter().fold(0_usize, |open, piece| match piece {
                Piece::Tag(l, true) if *l == letter => open + 1,
                Piece::Tag(l, false) if *l == letter => open.saturating_sub(1),
                _ => open,
            });
            std::iter::repeat_n(Piece::Tag(letter, false), open)
        });
        closing.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<(i64, i64, String)> {
        let cues = parse_cues(&text_of(text.as_bytes()).unwrap()).unwrap();
        cues.iter().map(|cue| (cue.start, cue.end, cue.webvtt())).collect()
    }

    #[test]
    fn both_kinds_are_read_whatever_their_line_ends_and_order() {
        let vtt = "\u{feff}WEBVTT - t\r\n\r\nNOTE a\r\nb --> c\r\n\r\nSTYLE\r\n::cue{}\r\n\r\n2\r\n00:02.000 --> 00:03.500 align:start\r\n<v Bob>Hi <c.x>all</c> &amp; <b>you</b>\r\n\r\n00:00:01.000 --> 00:00:02.250\r\nfirst\r\nline\r\n";
        let expected = vec![
            (1000, 2250, "first\nline".to_owned()),
            (2000, 3500, "Hi all &amp; <b>you</b>".to_owned()),
        ];
        assert_eq!(list(vtt), expected);
        let srt = "1\n00:00:01,5 --> 00:00:02,250\n{\\an8}<font color=\"red\">a < b</font> & {c}\n";
        assert_eq!(list(srt), [(1500, 2250, "a &lt; b &amp; {c}".to_owned())]);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line() {
        let error = |text: &str| parse_cues(text).unwrap_err();
        assert!(error("WEBVTT\n\n00:01.000 --> 00:0x.000\na\n").starts_with("line 3: expected"));
        assert!(error("1\n00:00:61,000 --> 00:02:00,000\na\n").starts_with("line 2: expected"));
        assert!(error("1\n00:00:02,000 --> 00:00:01,000\na\n").contains("line 2: the cue ends"));
        assert!(error("hello\nworld").starts_with("line 1: expected"));
        assert!(error("WEBVTT\n\n00:01.000 -> 00:02.000\na\n").starts_with("line 3: expected"));
        let arrow = "1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:00:03,000 -> 00:00:04,000\nb\n";
        assert!(error(arrow).starts_with("line 6: expected"));
        let close = "1\n00:00:01,000 --> 00:00:02,000\na\n00:00:03,000 00:00:04,000\nb\n";
        assert!(error(close).starts_with("line 4: expected"));
        let long = format!("WEBVTT\n\n00:01.000 --> 00:02.000\n{}\n", "x".repeat(5000));
        assert!(error(&long).starts_with("line 3: the cue's text"));
        assert!(text_of(b"WEBVTT\n\n\xff").unwrap_err().contains("line 3"));
    }

    #[test]
    fn cues_are_cut_and_put_together() {
        let text = "WEBVTT\n\n00:00.000 --> 00:02.000\na\n\n00:01.000 --> 00:03.000\nb\n";
        let cues = parse_cues(text).unwrap();
        let show = |cues: Vec<Cue>| {
            cues.iter().map(|c| (c.start, c.end, c.styled().0)).collect::<Vec<_>>()
        };
        let a = |text: &str| text.to_owned();
        assert_eq!(
            show(Cue::one_at_a_time(&cues).unwrap()),
            [(0, 1000, a("a")), (1000, 2000, a("a\nb")), (2000, 3000, a("b"))]
        );
        assert_eq!(show(Cue::within(&cues, 1500, 2500)), [(0, 500, a("a")), (0, 1000, a("b"))]);
        assert_eq!(show(Cue::within(&cues, 3000, 9000)), []);
    }

    #[test]
    fn lines_that_are_missing_or_too_many_lose_no_text() {
        let srt = "1\n00:00:01,000 --> 00:00:02,000\na\n\nb\n2\n00:00:03,000 --> 00:00:04,000\nc\n3\n00:00:05,000 --> 00:00:06,000\n<i>1 <3 2> d</I>\n\n4\n";
        let a = |text: &str| text.to_owned();
        let expected = [
            (1000, 2000, a("a\nb")),
            (3000, 4000, a("c")),
            (5000, 6000, a("<i>1 &lt;3 2&gt; d</i>")),
        ];
        assert_eq!(list(srt), expected);
        let vtt = "WEBVTT\nKind: captions\n\n00:01.000 --> 00:02.000\na\n \nb\n\n00:03.000 --> 00:04.000\n\nc\nd\n \n2\n00:05.000 --> 00:06.000\ne";
        let expected = [(1000, 2000, a("a\n \nb")), (3000, 4000, a("c\nd")), (5000, 6000, a("e"))];
        assert_eq!(list(vtt), expected);
        let cues = parse_cues("WEBVTT\n\n00:01.000 --> 00:02.000\n\u{e9}<b>x<i>y</b>z\n").unwrap();
        assert_eq!(cues[0].styled(), ("\u{e9}xyz".into(), vec![(1, 2, 1), (2, 3, 3), (3, 4, 2)]));
    }
}
