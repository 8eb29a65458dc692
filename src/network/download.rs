//! Media of other hosts and of the page itself, for readers that need files.
//!
//! Each address is loaded once, into a file that lasts as long as the [`Access`] that asked. The
//! rules for pages apply here, too, for each address that a server redirects to. A page hands over
//! media that only it has.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ureq::http::{Response, StatusCode, header};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};
use url::{Host, Url};

use super::resolver::PublicResolver;
use super::{Access, NetworkOutcome, Verdict};

/// The number of attempts with a server that is unreachable or busy, or stops in between.
const ATTEMPTS: u32 = 3;
/// The pause before the second attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(500);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest silence of a server.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest time of one attempt, as in HyperFrames.
const TIMEOUT: Duration = Duration::from_secs(300);
/// The time after which no further attempt begins.
const PATIENCE: Duration = Duration::from_secs(60);

/// Addresses that are loaded at the same time.
const MAX_THREADS: usize = 6;

/// Most bytes of one file.
const MAX_BYTES: u64 = 8 << 30;
/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

const MAX_REDIRECTS: usize = 10;

/// The interval of checks whether a file has come, or is no longer wanted.
const POLL: Duration = Duration::from_millis(10);

const OVER: &str = "the render has ended";

/// The ledger's kind of requests for video and sound.
pub(crate) const MEDIA: &str = "media";

/// The prefix of addresses for files that pages have handed over.
pub(crate) const HELD_ADDRESS: &str = "pagereel-held:";

/// Files that have been loaded, or are being loaded.
#[derive(Default)]
pub(super) struct Downloads {
    addresses: Mutex<Addresses>,
    /// Files that pages have handed over.
    held: Mutex<Vec<File>>,
    has_ended: AtomicBool,
    is_cancelled: Option<Box<dyn Fn() -> bool + Send + Sync>>,
}

#[derive(Debug, Default)]
struct Addresses {
    all: BTreeMap<String, Slot>,
    /// Addresses whose loading has not begun.
    next: VecDeque<String>,
    /// The number of threads that load.
    threads: usize,
}

/// The result of an address, once it is known.
type Slot = Arc<OnceLock<Loaded>>;
type Loaded = Result<Kept, String>;

/// The place of an address's bytes.
#[derive(Debug)]
enum Kept {
    /// In a file without a name, which disappears with this process, even if that is killed.
    Copy(File),
    /// In a file that is mapped to the address that the server redirected to.
    Mapped(PathBuf),
}

impl fmt::Debug for Downloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downloads").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Downloads {
    fn addresses(&self) -> MutexGuard<'_, Addresses> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, Vec<File>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
            || self.is_cancelled.as_ref().is_some_and(|ask| ask())
    }
}

impl Access {
    /// Ends downloads once `is_cancelled` returns true.
    pub(crate) fn cancelled_by(
        mut self,
        is_cancelled: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        self.downloads.is_cancelled = Some(Box::new(is_cancelled));
        self
    }

    /// Gives up files that are still being loaded, so that they are missing from all frames.
    pub(crate) fn stop_waiting(&self) {
        for (address, slot) in &self.downloads.addresses().all {
            let reason = "it took longer to load than timeouts.ready allows";
            if slot.set(Err(reason.into())).is_ok() {
                self.ledger.missed(address, MEDIA, NetworkOutcome::Failed, reason.into());
            }
        }
    }

    /// Ends downloads: they are no longer needed.
    pub(crate) fn end(&self) {
        self.downloads.has_ended.store(true, Ordering::Relaxed);
    }

    /// Keeps a file that a page has handed over. Returns its address for [`held`](Self::held).
    ///
    /// The same file from another session's page gets the same address.
    pub(crate) fn hold(&self, file: File) -> io::Result<String> {
        let mut held = self.downloads.held();
        for (number, known) in held.iter().enumerate() {
            if is_same(known, &file)? {
                return Ok(format!("{HELD_ADDRESS}{number}"));
            }
        }
        held.push(file);
        Ok(format!("{HELD_ADDRESS}{}", held.len() - 1))
    }

    /// The file behind an address from [`hold`](Self::hold); `None` for other addresses.
    pub(crate) fn held(&self, address: &str) -> Option<PathBuf> {
        let number: usize = address.strip_prefix(HELD_ADDRESS)?.parse().ok()?;
        self.downloads.held().get(number).map(path_of)
    }

    /// The text, with the addresses of files in place of our paths for them.
    pub(crate) fn named(&self, mut text: String) -> String {
        let mut name = |file: &File, name: &str| {
            let path = path_of(file);
            if let Some(at) = text.find(&*path.to_string_lossy())
                // Not the beginning of another number.
                && !text[at + path.as_os_str().len()..].starts_with(|c: char| c.is_ascii_digit())
            {
                text.replace_range(at..at + path.as_os_str().len(), name);
            }
        };
        for (address, slot) in &self.downloads.addresses().all {
            if let Some(Ok(Kept::Copy(file))) = slot.get() {
                name(file, address);
            }
        }
        self.downloads.held().iter().for_each(|file| name(file, "what the page has in itself"));
        text
    }

    /// Waits for the file at `address`; an error gives the reason why there is none.
    ///
    /// The ledger records addresses that cannot be loaded.
    pub(crate) fn download(self: &Arc<Self>, address: &str) -> Result<PathBuf, String> {
        let slot = self.loading(address)?;
        loop {
            match slot.get() {
                Some(Ok(Kept::Copy(file))) => return Ok(path_of(file)),
                Some(Ok(Kept::Mapped(path))) => return Ok(path.clone()),
                Some(Err(reason)) => return Err(reason.clone()),
                None if self.downloads.is_over() => return Err(OVER.into()),
                None => thread::sleep(POLL),
            }
        }
    }

    /// Whether [`download`](Self::download) would wait; begins it.
    pub(crate) fn is_coming(self: &Arc<Self>, address: &str) -> bool {
        self.loading(address).is_ok_and(|slot| slot.get().is_none())
    }

    /// The slot of an address, which begins to load if it is new.
    fn loading(self: &Arc<Self>, address: &str) -> Result<Slot, String> {
        let mut addresses = self.downloads.addresses();
        if let Some(slot) = addresses.all.get(address) {
            return Ok(Arc::clone(slot));
        }
        if addresses.threads < MAX_THREADS {
            let access = Arc::clone(self);
            let started = thread::Builder::new().name("download".into()).spawn(move || {
                while let Some((address, slot)) = access.next_address() {
                    access.load_into(&address, &slot);
                }
            });
            started.map_err(|e| format!("no thread can be started to load it: {e}"))?;
            addresses.threads += 1;
        }
        addresses.next.push_back(address.to_owned());
        Ok(Arc::clone(addresses.all.entry(address.to_owned()).or_default()))
    }

    /// The next address for a thread; if there is none, the thread ends.
    fn next_address(&self) -> Option<(String, Slot)> {
        let mut addresses = self.downloads.addresses();
        let next = addresses.next.pop_front();
        let next = next.and_then(|next| addresses.all.get_key_value(&next));
        let next = next.map(|(address, slot)| (address.clone(), Arc::clone(slot)));
        if next.is_none() {
            addresses.threads -= 1;
        }
        next
    }

    fn load_into(&self, address: &str, slot: &Slot) {
        let loaded = load(self, address, &|| self.downloads.is_over() || slot.get().is_some());
        // Recorded before the result is visible.
        if let Err(reason) = &loaded
            && slot.get().is_none()
            && !self.downloads.is_over()
        {
            self.ledger.missed(address, MEDIA, NetworkOutcome::Failed, reason.clone());
        }
        // Too late if it has been given up meanwhile.
        drop(slot.set(loaded));
    }
}

/// The reason why there is no file.
enum Trouble {
    /// A passing fault: another attempt may succeed.
    Passing(String),
    Lasting(String),
}

impl From<ureq::Error> for Trouble {
    fn from(error: ureq::Error) -> Self {
        use ureq::Error as E;
        let text = error.to_string();
        match error {
            E::Io(_) | E::Timeout(_) | E::HostNotFound | E::ConnectionFailed | E::Protocol(_) => {
                Self::Passing(text)
            }
            _ => Self::Lasting(text),
        }
    }
}

/// Loads an address; `is_over` returns true if it is no longer needed.
fn load(access: &Access, address: &str, is_over: &dyn Fn() -> bool) -> Loaded {
    if is_over() {
        return Err(OVER.into());
    }
    let began = Instant::now();
    let url = Url::parse(address).map_err(|e| format!("its address: {e}"))?;
    match url.scheme() {
        "http" | "https" => {}
        "file" => {
            let advice = "a file is named relative to the page, below the composition's root";
            return Err(format!("file addresses are not loaded; {advice}"));
        }
        other => return Err(format!("{other} is no scheme that is loaded: http and https are")),
    }
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // Each address is judged before it is requested.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("pagereel/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(READ_TIMEOUT))
        .timeout_per_read(Some(READ_TIMEOUT))
        .timeout_global(Some(TIMEOUT))
        .build();
    let agent = Agent::with_parts(config, DefaultConnector::default(), PublicResolver::new(access));
    let mut attempt = 1;
    loop {
        let reason = match follow(access, &agent, url.clone(), is_over) {
            Ok(kept) => return Ok(kept),
            Err(Trouble::Lasting(reason)) => return Err(reason),
            Err(Trouble::Passing(reason)) => reason,
        };
        if attempt == ATTEMPTS || began.elapsed() > PATIENCE || is_over() {
            return Err(format!("{reason} ({attempt} attempts)"));
        }
        tracing::debug!(address, reason, attempt, "to be loaded again");
        thread::sleep(PAUSE * 2_u32.pow(attempt - 1));
        attempt += 1;
    }
}

/// Follows redirects until there is a file.
fn follow(
    access: &Access,
    agent: &Agent,
    mut url: Url,
    is_over: &dyn Fn() -> bool,
) -> Result<Kept, Trouble> {
    for _ in 0..=MAX_REDIRECTS {
        url.set_fragment(None);
        match access.judge("GET", url.as_str()) {
            Verdict::Pass => {}
            Verdict::Sheet(_) => return Err(Trouble::Lasting("it is a style sheet".into())),
            Verdict::Mapped(hit) => {
                let missing = || Trouble::Lasting(format!("there is no file for {url}"));
                return hit.found.map(|found| Kept::Mapped(found.file)).ok_or_else(missing);
            }
            Verdict::Refused => {
                return Err(Trouble::Lasting(format!(
                    "it leads to {url}, which the job's network.policy does not allow"
                )));
            }
        }
        let request = agent.get(url.as_str());
        // As in browsers.
        let request =
            if is_loopback(&url) { request.config().proxy(None).build() } else { request };
        let response = request.call()?;
        if let Some(next) = redirect(&response, &url)? {
            url = next;
            continue;
        }
        return keep(response, is_over).map(Kept::Copy);
    }
    Err(Trouble::Lasting(format!("it leads on more than {MAX_REDIRECTS} times")))
}

/// Whether an address is on this machine, which no proxy serves.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The target of a response's redirect.
fn redirect(response: &Response<Body>, from: &Url) -> Result<Option<Url>, Trouble> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let place = response.headers().get(header::LOCATION).and_then(|place| place.to_str().ok());
    let next = place.and_then(|place| from.join(place).ok());
    match next.filter(|next| matches!(next.scheme(), "http" | "https")) {
        Some(next) => Ok(Some(next)),
        None => Err(Trouble::Lasting(format!("{from} leads to no address"))),
    }
}

/// Writes a response's body to a file.
fn keep(mut response: Response<Body>, is_over: &dyn Fn() -> bool) -> Result<File, Trouble> {
    let status = response.status();
    if status != StatusCode::OK {
        let text = format!("the server answers {status}");
        let is_passing = status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        return Err(if is_passing { Trouble::Passing(text) } else { Trouble::Lasting(text) });
    }
    if response.body().mime_type() == Some("text/html") {
        return Err(Trouble::Lasting("the server sends a web page (text/html)".into()));
    }
    let no_file = |e: io::Error| Trouble::Lasting(format!("it cannot be kept: {e}"));
    let mut file = tempfile::tempfile().map_err(no_file)?;
    let expected = response.body().content_length();
    let mut reader = response.body_mut().with_config().limit(u64::MAX).reader();
    let mut chunk = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        if is_over() {
            return Err(Trouble::Lasting(OVER.into()));
        }
        let read = reader.read(&mut chunk);
        let read = read.map_err(|e| Trouble::Passing(format!("after {bytes} bytes: {e}")))?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        if bytes > MAX_BYTES {
            return Err(Trouble::Lasting(format!("it has more than {} GiB", MAX_BYTES >> 30)));
        }
        file.write_all(&chunk[..read]).map_err(no_file)?;
    }
    match expected {
        Some(expected) if expected != bytes => {
            Err(Trouble::Passing(format!("{bytes} of {expected} bytes came")))
        }
        _ => Ok(file),
    }
}

/// Whether two files have the same bytes.
fn is_same(a: &File, b: &File) -> io::Result<bool> {
    let length = a.metadata()?.len();
    if length != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut of_a, mut of_b) = (vec![0; CHUNK], vec![0; CHUNK]);
    for at in (0..length).step_by(CHUNK) {
        let count = usize::try_from(length - at).map_or(CHUNK, |left| left.min(CHUNK));
        a.read_exact_at(&mut of_a[..count], at)?;
        b.read_exact_at(&mut of_b[..count], at)?;
        if of_a[..count] != of_b[..count] {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The path at which this process can open a file without a name again.
fn path_of(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}
