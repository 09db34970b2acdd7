//! What an event costs on its way to a handler, and what each step before it adds: `make microbench`.

use divan::{Bencher, black_box};
use roomcast_gateway::{
    Ack, Exception, Gateway, Next, Raw, Reply, Socket,
    occasion::Event,
    testing::{Client, block_on},
};

fn main() {
    divan::main();
}

async fn echo(data: Raw) -> Ack<Raw> {
    Ack(data)
}

async fn anyone(_: Socket) -> bool {
    true
}

async fn nothing_more(_: Event, next: Next) -> Result<Reply, Exception> {
    next.await
}

fn bench(bencher: Bencher<'_, '_>, gateway: Gateway) {
    let client = Client::of(gateway.on("echo", echo));
    bencher.bench_local(|| {
        let outcome = block_on(client.emit_with_ack("echo", "some text"));
        drop(client.sent());
        black_box(outcome)
    });
}

#[divan::bench(sample_size = 1000)]
fn a_handler_alone(bencher: Bencher<'_, '_>) {
    bench(bencher, Gateway::new("/"));
}

#[divan::bench(sample_size = 1000)]
fn behind_one_guard(bencher: Bencher<'_, '_>) {
    bench(bencher, Gateway::new("/").guard(anyone));
}

#[divan::bench(sample_size = 1000)]
fn inside_one_interceptor(bencher: Bencher<'_, '_>) {
    bench(bencher, Gateway::new("/").interceptor(nothing_more));
}

#[divan::bench(sample_size = 1000)]
fn behind_three_guards_and_inside_three_interceptors(bencher: Bencher<'_, '_>) {
    let mut gateway = Gateway::new("/");
    for _ in 0..3 {
        gateway = gateway.guard(anyone).interceptor(nothing_more);
    }
    bench(bencher, gateway);
}
