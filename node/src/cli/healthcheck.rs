//! `roomcast healthcheck`: asks a running node whether it is live, as container engines do every few seconds.

use std::time::Duration;

use http::Request;
use http_body_util::Full;

use super::{Answer, Exit};
use crate::config::HttpUrl;
use crate::http::exchange;

/// A node that takes longer is not well. Shorter than the time limit of any container engine, so that our line is seen.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the node at `admin`.
pub(super) async fn run(admin: &HttpUrl) -> Answer {
    let url = admin.join("/live");
    let outcome = match Request::get(&url).body(Full::default()) {
        Ok(request) => exchange(admin, request, PATIENCE).await,
        Err(error) => Err(error.to_string()),
    };
    let reason = match outcome {
        Ok((status, _)) if status.is_success() => {
            return Answer::good(format!("live: {url} answered {status}\n"));
        }
        Ok((status, _)) => format!("answered {status}"),
        Err(reason) => reason,
    };
    Answer::bad(Exit::No, format!("not live: {url}: {reason}\n"))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::Config;

    /// A node that answers one request with `answer`, and what it was asked.
    async fn health_of(answer: &'static str) -> (Answer, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let asked = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        };
        let config = config(listener.local_addr().unwrap().port());

        tokio::join!(run(&config.admin.url), asked)
    }

    fn config(port: u16) -> Config {
        let flags = ["--admin-url".to_owned(), format!("http://127.0.0.1:{port}")];
        Config::load(flags.map(Into::into), []).unwrap()
    }

    #[tokio::test]
    async fn a_node_that_answers_is_live() {
        let (answer, asked) = health_of("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;

        assert_eq!(answer.exit, Exit::Clean);
        assert!(
            answer.text.starts_with("live: http://127.0.0.1:"),
            "{}",
            answer.text
        );
        assert!(
            answer.text.ends_with("/live answered 200 OK\n"),
            "{}",
            answer.text
        );
        assert!(
            asked.starts_with("GET /live HTTP/1.1\r\nhost: 127.0.0.1:"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn a_node_that_says_otherwise_is_not_live() {
        let (answer, _) =
            health_of("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;

        assert_eq!(answer.exit, Exit::No);
        assert!(
            answer
                .complaint
                .ends_with("/live: answered 503 Service Unavailable\n"),
            "{}",
            answer.complaint
        );
    }

    #[tokio::test]
    async fn what_does_not_speak_http_is_not_live() {
        for nonsense in ["", "+PONG\r\n"] {
            let (answer, _) = health_of(nonsense).await;

            assert_eq!(answer.exit, Exit::No, "{nonsense}");
            assert_eq!(answer.complaint.lines().count(), 1, "{}", answer.complaint);
        }
    }

    #[tokio::test]
    async fn a_port_where_nothing_listens_is_not_live() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = config(listener.local_addr().unwrap().port());
        drop(listener);

        let answer = run(&config.admin.url).await;

        assert_eq!(answer.exit, Exit::No);
        assert!(
            answer.complaint.contains("Connection refused"),
            "{}",
            answer.complaint
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_stays_silent_is_not_live() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = config(listener.local_addr().unwrap().port());

        let answer = run(&config.admin.url).await;

        assert_eq!(answer.exit, Exit::No);
        assert!(
            answer.complaint.ends_with("no answer within 3 seconds\n"),
            "{}",
            answer.complaint
        );
    }
}
