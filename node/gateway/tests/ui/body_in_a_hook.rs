use roomcast_gateway::{Data, Gateway};

async fn welcome(Data(name): Data<String>) {
    drop(name);
}

fn main() {
    let _ = Gateway::new("/").on_connection(welcome);
}
