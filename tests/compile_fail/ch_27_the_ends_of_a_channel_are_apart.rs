//! What Go rejects with a receive-only and a send-only view of a channel.

use greenroom::channel::{Receiver, Sender};

async fn five(rx: Receiver<u8>, tx: Sender<u8>) {
    let _ = rx.send(1).await;
    rx.close();
    let _ = tx.recv().await;
    while let Some(_) = tx.stream().next().await {}
    let _both: Sender<u8> = rx;
}

fn main() {}
