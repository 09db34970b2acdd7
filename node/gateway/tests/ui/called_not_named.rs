use roomcast_gateway::{Ack, Gateway};

async fn ping() -> Ack<u8> {
    Ack(1)
}

fn main() {
    let _ = Gateway::new("/").on("ping", ping());
}
