//! A render service: jobs by HTTP, progress by server-sent events, the file when it is done.
//!
//! `cargo run --release -- page-directory [port]`, then
//!
//! ```text
//! curl -d '{"variables": {"name": "Ada"}}' localhost:8080/renders    # answers with an id
//! curl localhost:8080/renders/1/events                               # how far it is
//! curl -X DELETE localhost:8080/renders/1                            # cancels it
//! curl -o film.mp4 localhost:8080/renders/1/file
//! ```

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use pagereel::{Engine, Job, RenderHandle};
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tokio_util::io::ReaderStream;

struct Service {
    engine: Engine,
    page: PathBuf,
    films: tempfile::TempDir,
    renders: Mutex<HashMap<usize, Arc<RenderHandle>>>,
}

type Shared = State<Arc<Service>>;
type Answer<T> = Result<T, (StatusCode, String)>;

impl Service {
    fn film(&self, id: usize) -> PathBuf {
        self.films.path().join(format!("{id}.mp4"))
    }

    fn render(&self, id: usize) -> Answer<Arc<RenderHandle>> {
        let renders = self.renders.lock().expect("nobody panics with it");
        renders.get(&id).cloned().ok_or((StatusCode::NOT_FOUND, "no such render\n".into()))
    }
}

async fn begin(State(service): Shared, request: String) -> Answer<String> {
    let mut renders = service.renders.lock().expect("nobody panics with it");
    let id = renders.len() + 1;
    // Only what the film is like comes from outside.
    let job = Job::new(service.page.as_path(), service.film(id)).restricted(&request);
    let job = job.map_err(|e| (StatusCode::BAD_REQUEST, format!("{e}\n")))?;
    let started = service.engine.start(&job);
    let handle = started.map_err(|e| (StatusCode::SERVICE_UNAVAILABLE, format!("{e}\n")))?;
    renders.insert(id, Arc::new(handle));
    Ok(format!("{id}\n"))
}

async fn events(
    State(service): Shared,
    Path(id): Path<usize>,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let render = service.render(id)?;
    let (sender, updates) = tokio::sync::mpsc::channel(16);
    tokio::task::spawn_blocking(move || {
        let patience = Duration::from_secs(1);
        while !sender.is_closed() {
            match render.next(patience) {
                Some(update) => drop(sender.blocking_send(update)),
                None if render.is_finished() => break,
                None => {}
            }
        }
    });
    let events = ReceiverStream::new(updates);
    Ok(Sse::new(events.map(|update| Ok(Event::default().json_data(update).unwrap_or_default()))))
}

async fn file(State(service): Shared, Path(id): Path<usize>) -> Answer<Body> {
    service.render(id)?;
    let film = tokio::fs::File::open(service.film(id)).await;
    let film = film.map_err(|_| (StatusCode::CONFLICT, "not done\n".into()))?;
    Ok(Body::from_stream(ReaderStream::new(film)))
}

async fn cancel(State(service): Shared, Path(id): Path<usize>) -> Answer<StatusCode> {
    service.render(id)?.cancel();
    Ok(StatusCode::ACCEPTED)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let page = arguments.next().expect("usage: service page-directory [port]").into();
    let port = arguments.next().map_or(8080, |port| port.parse().expect("a port"));
    let engine = Engine::builder().renders_at_once(2).build();
    let renders = Mutex::default();
    let service = Service { engine, page, films: tempfile::tempdir()?, renders };
    let app = Router::new()
        .route("/renders", post(begin))
        .route("/renders/{id}", axum::routing::delete(cancel))
        .route("/renders/{id}/events", get(events))
        .route("/renders/{id}/file", get(file))
        .with_state(Arc::new(service));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await
}
