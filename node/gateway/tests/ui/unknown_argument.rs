use roomcast_gateway::{Ack, Gateway, Socket};

async fn ping(_: Socket, text: String) -> Ack<String> {
    Ack(text)
}

fn main() {
    let _ = Gateway::new("/").on("ping", ping);
}
