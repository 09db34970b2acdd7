use roomcast_gateway::{Ack, Gateway};

async fn guard() -> Ack<bool> {
    Ack(true)
}

fn main() {
    let _ = Gateway::new("/").guard(guard);
}
