use roomcast_gateway::{Ack, Gateway};

async fn welcome() -> Ack<&'static str> {
    Ack("welcome")
}

fn main() {
    let _ = Gateway::new("/").on_connection(welcome);
}
