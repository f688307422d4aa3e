//! What a hub answers about its tasks.

use std::sync::Arc;

use greenroom_core::registry::{Present, TaskQuery, TaskSource};

use super::Hub;
use super::queue::TaskCell;

impl TaskSource for Hub {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn request(&self, query: TaskQuery) -> bool {
        self.queue.ask(query).is_ok()
    }
}

pub(super) fn answer<'a>(query: TaskQuery, mut tasks: impl Iterator<Item = &'a Arc<TaskCell>>) {
    match query {
        TaskQuery::List(reply) => reply.send(tasks.map(|cell| cell.info.clone()).collect()),
        TaskQuery::Census(reply) => {
            let present = |cell: &'a Arc<TaskCell>| Present {
                info: cell.info.clone(),
                is_ready: cell.is_queued(),
                has_deadline: cell.context.deadline().is_some(),
            };
            reply.send(tasks.map(present).collect());
        }
        TaskQuery::Cancel(id, cause, reply) => {
            let found = tasks.find(|cell| cell.info.id == id).cloned();
            reply.send(found.is_some_and(|cell| cell.info.cancel(cause)));
        }
        TaskQuery::Find(id, search) => {
            if let Some(cell) = tasks.find(|cell| cell.info.id == id) {
                search.found(&cell.info);
            }
        }
        // A question of a later version: dropping it says that there is no answer.
        _ => {}
    }
}
