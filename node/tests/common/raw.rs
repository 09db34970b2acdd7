//! A client of the raw WebSocket platform, which shares no code with the server's.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, protocol::CloseFrame},
};

use super::{DEADLINE, TestNode};

/// One connection.
pub struct Raw(pub WebSocketStream<TcpStream>);

impl Raw {
    pub async fn connect(node: &TestNode, path: &str) -> Self {
        Self::try_connect(node, path).await.unwrap()
    }

    /// The status where the answer is no 101.
    pub async fn try_connect(node: &TestNode, path: &str) -> Result<Self, u16> {
        let stream = TcpStream::connect(node.address).await.unwrap();
        Self::over(stream, &format!("ws://{}{path}", node.address)).await
    }

    /// A connection of the test's own.
    pub async fn over(stream: TcpStream, url: &str) -> Result<Self, u16> {
        match tokio_tungstenite::client_async(url, stream).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn emit(&mut self, event: &str, data: Value) {
        self.send(&json!({ "event": event, "data": data }).to_string())
            .await;
    }

    pub async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next message.
    pub async fn message(&mut self) -> Value {
        loop {
            match self.frame().await.expect("the connection was closed") {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} is no message"),
            }
        }
    }

    /// The data of the next message of this event; others are skipped.
    pub async fn expect(&mut self, event: &str) -> Value {
        loop {
            let mut message = self.message().await;
            if message["event"] == event {
                return message["data"].take();
            }
        }
    }

    /// Code and reason of the close frame; messages before it are skipped. None if the connection was cut.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            match self.frame().await? {
                Message::Close(Some(CloseFrame { code, reason })) => {
                    return Some((code.into(), reason.to_string()));
                }
                Message::Close(None) => return Some((1005, String::new())),
                _ => {}
            }
        }
    }

    async fn frame(&mut self) -> Option<Message> {
        tokio::time::timeout(DEADLINE, self.0.next())
            .await
            .expect("nothing came in time")?
            .ok()
    }
}

impl Raw {
    /// The next text that begins with this one.
    pub async fn hear(&mut self, start: &str) -> String {
        loop {
            if let Message::Text(text) = self.frame().await.expect("the connection was closed")
                && text.starts_with(start)
            {
                return text.to_string();
            }
        }
    }
}
