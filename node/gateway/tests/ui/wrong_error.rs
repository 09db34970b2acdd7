use roomcast_gateway::{Ack, Data, Gateway};

async fn parse(Data(text): Data<String>) -> Result<Ack<u8>, std::num::ParseIntError> {
    text.parse().map(Ack)
}

fn main() {
    let _ = Gateway::new("/").on("parse", parse);
}
