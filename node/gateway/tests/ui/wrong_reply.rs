use roomcast_gateway::{Data, Gateway};

async fn ping(Data(text): Data<String>) -> String {
    text
}

fn main() {
    let _ = Gateway::new("/").on("ping", ping);
}
