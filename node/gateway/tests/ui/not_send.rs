use std::rc::Rc;

use roomcast_gateway::{Ack, Gateway, Socket};

async fn ping(socket: Socket) -> Ack<u8> {
    let count = Rc::new(1);
    socket.join("room").await;
    Ack(*count)
}

fn main() {
    let _ = Gateway::new("/").on("ping", ping);
}
