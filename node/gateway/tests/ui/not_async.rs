use roomcast_gateway::{Ack, Data, Gateway};

fn ping(Data(text): Data<String>) -> Ack<String> {
    Ack(text)
}

fn main() {
    let _ = Gateway::new("/").on("ping", ping);
}
