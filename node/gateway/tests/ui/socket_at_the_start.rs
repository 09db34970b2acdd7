use roomcast_gateway::{Gateway, Socket};

async fn start(socket: Socket) {
    socket.disconnect();
}

fn main() {
    let _ = Gateway::new("/").on_init(start);
}
