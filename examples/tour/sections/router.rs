//! A router: one of several like actors, in turn or by a key.

use greenroom::prelude::*;

use crate::story::Story;

struct Shard(usize);
struct Which;

impl Actor for Shard {}

impl Handler<Which> for Shard {
    type Reply = usize;

    async fn handle(&mut self, _: Which, _cx: &mut ActorContext<Self>) -> usize {
        self.0
    }
}

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let shards = Router::spawn(&scope, router("shard").actors(4), Shard).await?;
    let mut turns = Vec::new();
    for _ in 0..6 {
        turns.push(shards.ask(Which).await?);
    }
    out.show(format!("in turn: {turns:?}"))?;
    out.verify_eq("each has its turn", &turns, &vec![0, 1, 2, 3, 0, 1])?;

    let mut homes = Vec::new();
    for key in 0..100 {
        homes.push(shards.key(&key).ask(Which).await?);
    }
    shards.resize(5).await?;
    let mut moved = 0;
    let mut strayed = 0;
    for (key, home) in (0..100).zip(homes) {
        let now = shards.key(&key).ask(Which).await?;
        moved += usize::from(now != home);
        strayed += usize::from(now != home && now != 4);
    }
    out.show(format!("{moved} of 100 keys moved to the fifth"))?;
    out.verify_eq("a key stays, or goes to the new one", &strayed, &0)?;
    out.verify("few keys move", moved < 50)
}
