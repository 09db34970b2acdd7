use roomcast_gateway::{Data, Gateway};

struct Message;

async fn say(_: Data<Message>) {}

fn main() {
    let _ = Gateway::new("/").on("say", say);
}
