//! Serves the pictures of its videos to the page, by a route of its own server.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use hyper::body::Bytes;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::locate::{locate, name_of, resolve};
use crate::fonts::OWN;
use crate::media::{Library, Located, MediaError, flat_png};
use crate::network::{Access, Answer, ROUTE_PREFIX, Route};
use crate::page::PageFonts;
use crate::serve::{FileFinder, FileServer};
use crate::sound::SoundReaders;

/// The path to which the page uploads media that only it has.
const HELD: &str = "media/held";
/// The path of requests about an address.
const INFO: &str = "media/info";
/// The prefix before the size and the color of a flat picture.
const FLAT: &str = "media/flat/";
/// The path of requests for samples.
const SOUND: &str = "media/sound";
/// The prefix before a picture's source, number and divisor.
const PICTURE: &str = "media/picture/";
/// The prefix of all requests about fonts.
const FONTS: &str = "fonts/";
/// The path of requests about a family.
const RULES: &str = "rules";

#[derive(Debug)]
struct MediaRoute {
    library: Arc<Library>,
    readers: SoundReaders,
    finder: Option<FileFinder>,
    access: Arc<Access>,
}

/// The addresses at which the pages of one render request pictures.
pub(super) struct Offer {
    /// The address: absolute, or a path below the pages' own origin.
    pub address: String,
    /// The same for fonts, and the rules for those of the job.
    pub fonts: PageFonts,
    pub library: Arc<Library>,
    /// The route that answers there, where there is no server of ours.
    pub route: Option<Arc<dyn Route>>,
}

/// Lets the pages of one render request pictures.
pub(super) fn offer(server: Option<&FileServer>, access: &Arc<Access>) -> Offer {
    let (finder, resolving) = (server.map(FileServer::finder), Arc::clone(access));
    let located = move |address: &str| {
        let file = resolve(address, finder.as_ref(), &resolving)?;
        Ok(Located { name: name_of(address, finder.as_ref()), file })
    };
    let library = Arc::new(Library::new(Box::new(located)));
    let (finder, access) = (server.map(FileServer::finder), Arc::clone(access));
    let (offered, readers) = (Arc::clone(&library), SoundReaders::default());
    let route = Arc::new(MediaRoute { library: offered, readers, finder, access });
    let rules = route.access.fonts.named_rules();
    let (address, route): (_, Option<Arc<dyn Route>>) = match server {
        Some(server) => (server.add_route(route), None),
        None => (ROUTE_PREFIX.into(), Some(route)),
    };
    let fonts = PageFonts { address: format!("{address}{FONTS}"), rules, scheme: OWN };
    Offer { address: address + "media/", fonts, library, route }
}

impl Route for MediaRoute {
    fn answer(&self, path: &str, query: &str) -> Answer {
        if let Some(path) = path.strip_prefix(FONTS) {
            return self.font(path, query);
        }
        if path == HELD {
            let text = "a page from another server cannot hand over what it has in itself";
            let body = json!({ "error": text }).to_string().into();
            return Answer {
                status: 200,
                content_type: "application/json",
                body,
                is_lasting: false,
            };
        }
        let answered = match path.strip_prefix(FLAT) {
            Some(rest) => flat(rest),
            None if path == INFO => self.info(query),
            None if path == SOUND => self.sound(query),
            None => self.picture(path),
        };
        answered.unwrap_or_else(|error| Answer {
            // Only a failure to answer should look like a failed request.
            status: if path == INFO { 200 } else { 404 },
            content_type: "application/json",
            body: json!({ "error": self.access.named(error.to_string()) }).to_string().into(),
            is_lasting: false,
        })
    }

    fn take(&self, path: &str, file: File) -> Option<Answer> {
        let answer = |status, body: Value| Answer {
            status,
            content_type: "application/json",
            body: body.to_string().into(),
            is_lasting: false,
        };
        (path == HELD).then(|| match self.access.hold(file) {
            Ok(address) => answer(200, json!({ "address": address })),
            Err(e) => answer(500, json!({ "error": format!("it cannot be kept: {e}") })),
        })
    }
}

/// `media/flat/<width>/<height>/<color>.png`.
fn flat(rest: &str) -> Result<Answer, MediaError> {
    let mut parts = rest.strip_suffix(".png").unwrap_or_default().split('/');
    let mut number = |radix| {
        parts.next().and_then(|n| u32::from_str_radix(n, radix).ok()).ok_or(MediaError::Unknown)
    };
    let (width, height, color) = (number(10)?, number(10)?, number(16)?);
    let [_, red, green, blue] = color.to_be_bytes();
    let body = flat_png(width, height, [red, green, blue])?;
    // It changes within a frame: the browser must have it at hand then.
    Ok(Answer { status: 200, content_type: "image/png", body: body.into(), is_lasting: true })
}

impl MediaRoute {
    /// `fonts/rules?family=…`, or a file that such rules name.
    fn font(&self, path: &str, query: &str) -> Answer {
        let fonts = &self.access.fonts;
        if path == RULES {
            let family = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "family");
            // Empty rules are an answer; otherwise the page would see a failed load.
            let rules = family.map(|(_, name)| fonts.rules(&name)).unwrap_or_default();
            let body = rules.into();
            return Answer { status: 200, content_type: "text/css", body, is_lasting: false };
        }
        let read = fonts.file(path).and_then(|file| std::fs::read(&file).ok().map(|b| (file, b)));
        match read {
            Some((file, bytes)) => {
                let content_type = match file.extension().and_then(|e| e.to_str()) {
                    Some("woff2") => "font/woff2",
                    Some("woff") => "font/woff",
                    Some("otf") => "font/otf",
                    _ => "font/ttf",
                };
                Answer { status: 200, content_type, body: bytes.into(), is_lasting: true }
            }
            None => Answer {
                status: 404,
                content_type: "text/plain",
                body: Bytes::new(),
                is_lasting: false,
            },
        }
    }

    fn info(&self, query: &str) -> Result<Answer, MediaError> {
        let address = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "src");
        let (_, address) = address.ok_or(MediaError::Unknown)?;
        // A wait here would keep pictures from being sent.
        if let Ok(None) = locate(&address, self.finder.as_ref(), &self.access)
            && self.access.is_coming(&address)
        {
            let body = json!({ "isComing": true }).to_string().into();
            let content_type = "application/json";
            return Ok(Answer { status: 202, content_type, body, is_lasting: false });
        }
        let info = self.library.info(&address)?;
        let body = serde_json::to_vec(&info).expect("numbers and text become JSON");
        Ok(Answer {
            status: 200,
            content_type: "application/json",
            body: body.into(),
            is_lasting: false,
        })
    }

    /// `media/sound?src=<address>&at=<sample>&count=<samples>`: both sides in turn, at 48 kHz.
    fn sound(&self, query: &str) -> Result<Answer, MediaError> {
        let query: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
        let address = query.get("src").ok_or(MediaError::Unknown)?;
        let at = query.get("at").and_then(|at| at.parse().ok()).ok_or(MediaError::Unknown)?;
        let count = query.get("count").and_then(|n| n.parse().ok()).ok_or(MediaError::Unknown)?;
        let file = resolve(address, self.finder.as_ref(), &self.access);
        let samples = file.and_then(|file| {
            let name = name_of(address, self.finder.as_ref());
            let read = self.readers.read(&file, at, count);
            read.map_err(|text| text.replace(&file.display().to_string(), &name))
        });
        let samples = samples.map_err(MediaError::Unresolved)?;
        let bytes: Vec<u8> =
            samples.as_flattened().iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let content_type = "application/octet-stream";
        Ok(Answer { status: 200, content_type, body: bytes.into(), is_lasting: false })
    }

    /// `media/picture/<source>/<number>/<divisor>.png`.
    fn picture(&self, path: &str) -> Result<Answer, MediaError> {
        let rest = path.strip_prefix(PICTURE).and_then(|rest| rest.strip_suffix(".png"));
        let mut numbers = rest.unwrap_or_default().split('/').map(str::parse::<u32>);
        let mut number = || numbers.next().and_then(Result::ok).ok_or(MediaError::Unknown);
        let (source, picture, divisor) = (number()?, number()?, number()?);
        tracing::debug!(source, picture, divisor, "picture asked for");
        let body = self.library.picture(source as usize, picture as usize, divisor)?;
        Ok(Answer {
            status: 200,
            content_type: "image/png",
            body: Bytes::from_owner(body),
            is_lasting: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise each render of a long-running program would keep its open files.
    #[test]
    fn pictures_go_with_the_server() {
        let directory = tempfile::tempdir().unwrap();
        let server = FileServer::start(
            directory.path(),
            (false, None),
            crate::network::Wall::default().listen().unwrap(),
        )
        .unwrap();
        let offer = offer(Some(&server), &Arc::default());
        let weak = Arc::downgrade(&offer.library);
        drop((server, offer));
        assert!(weak.upgrade().is_none());
    }
}
