//! What a supervisor does when it is asked: one thing after the other.

use greenroom_core::Name;

use super::super::child::Parts;
use super::super::decide::{Restart, Standing, Strategy};
use super::super::leash::Ward;
use super::ChildCount;
use super::actor::{Begun, SupervisorActor, check, shield, spawn_error};
use super::error::{ChildError, SpecError, StartError};
use super::family::Record;
use super::message::{
    ChildStatus, Count, Delete, Find, Found, List, Remove, RestartChild, Resume, Start, Terminate,
    Which,
};
use crate::actor::{ActorContext, Handler};
use crate::reply::NoReply;

impl SupervisorActor {
    fn check(&self, name: &Name, parts: &Parts) -> Result<(), StartError> {
        check(name, parts, self.settings.policy.auto_shutdown).map_err(StartError::Spec)?;
        if let Some(at) = self.family.at(name) {
            let name = name.clone();
            return Err(match self.family.records[at].standing {
                Standing::Ended => StartError::AlreadyPresent(name),
                _ => StartError::AlreadyRunning(name),
            });
        }
        let limit = self.settings.max_children.unwrap_or(usize::MAX);
        match self.family.records.len() < limit {
            true => Ok(()),
            false => Err(StartError::AtCapacity(limit)),
        }
    }

    /// Starts a child that somebody waits for. One that does not start is not restarted.
    async fn start(&mut self, at: usize, cx: &mut ActorContext<Self>) -> Result<Found, StartError> {
        let begun = self.begin(at, cx).await;
        match begun {
            Begun::Up => self.found(at).ok_or(StartError::Stopping),
            Begun::Interrupted => Err(StartError::Stopping),
            Begun::Failed(reason) => {
                self.family.retire(at, NoReply::Closed).await;
                Err(StartError::Spawn(spawn_error(reason)))
            }
        }
    }

    fn found(&self, at: usize) -> Option<Found> {
        let ward = self.family.records[at].ward()?;
        Some(Found {
            address: ward.address()?,
            actor_type: ward.actor_type(),
        })
    }

    async fn terminate(&mut self, at: usize, cx: &mut ActorContext<Self>) {
        let record = &self.family.records[at];
        let is_group = self.settings.policy.strategy != Strategy::OneForOne;
        if is_group && record.is_first && record.standing == Standing::Restarting {
            cx.after(std::time::Duration::ZERO, Resume);
        }
        self.family.stop(at, false).await;
        self.family.retire(at, NoReply::Closed).await;
        let is_temporary = self.family.records[at].parts.restart == Restart::Temporary;
        if is_temporary || self.settings.is_dynamic {
            self.family.records.remove(at);
        }
    }

    fn look(&self, name: &Name) -> Result<usize, ChildError> {
        let at = self.family.at(name);
        at.ok_or_else(|| ChildError::NotFound(name.clone()))
    }
}

impl Handler<Start> for SupervisorActor {
    type Reply = Result<Found, StartError>;

    async fn handle(
        &mut self,
        Start { name, parts }: Start,
        cx: &mut ActorContext<Self>,
    ) -> Self::Reply {
        let _shield = shield();
        let name = match name {
            Some(name) => name,
            None => Name::new(self.family.next_id())
                .map_err(|error| StartError::Spec(SpecError::Name(error)))?,
        };
        self.check(&name, &parts)?;
        let at = self.family.add(name, parts);
        let started = self.start(at, cx).await;
        if matches!(started, Err(StartError::Spawn(_))) {
            self.family.records.remove(at);
        }
        started
    }
}

impl Handler<RestartChild> for SupervisorActor {
    type Reply = Result<(), StartError>;

    async fn handle(
        &mut self,
        RestartChild(name): RestartChild,
        cx: &mut ActorContext<Self>,
    ) -> Self::Reply {
        let _shield = shield();
        let Some(at) = self.family.at(&name) else {
            return Err(StartError::NotFound(name));
        };
        if self.family.records[at].standing != Standing::Ended {
            return Err(StartError::AlreadyRunning(name));
        }
        self.start(at, cx).await.map(|_found| ())
    }
}

impl Handler<Terminate> for SupervisorActor {
    type Reply = Result<bool, ChildError>;

    async fn handle(
        &mut self,
        Terminate(which): Terminate,
        cx: &mut ActorContext<Self>,
    ) -> Self::Reply {
        let _shield = shield();
        let at = match which {
            Which::Child(name) => self.look(&name)?,
            Which::Actor(id) => {
                let mut records = self.family.records.iter();
                let is_it = |ward: &dyn Ward| ward.id().is_same(&id);
                match records.position(|record| record.ward().is_some_and(is_it)) {
                    Some(at) => at,
                    None => return Ok(false),
                }
            }
        };
        let was_wanted = self.family.records[at].standing != Standing::Ended;
        self.terminate(at, cx).await;
        Ok(was_wanted)
    }
}

impl Handler<Delete> for SupervisorActor {
    type Reply = Result<(), ChildError>;

    async fn handle(&mut self, Delete(name): Delete, _cx: &mut ActorContext<Self>) -> Self::Reply {
        let _shield = shield();
        let at = self.look(&name)?;
        match self.family.records[at].standing {
            Standing::Running => Err(ChildError::Running(name)),
            Standing::Restarting => Err(ChildError::Restarting(name)),
            Standing::Ended => {
                self.family.retire(at, NoReply::Closed).await;
                self.family.records.remove(at);
                Ok(())
            }
        }
    }
}

impl Handler<Remove> for SupervisorActor {
    type Reply = Result<(), ChildError>;

    async fn handle(&mut self, Remove(name): Remove, cx: &mut ActorContext<Self>) -> Self::Reply {
        let _shield = shield();
        let at = self.look(&name)?;
        self.terminate(at, cx).await;
        if let Some(at) = self.family.at(&name) {
            self.family.records.remove(at);
        }
        Ok(())
    }
}

impl Handler<List> for SupervisorActor {
    type Reply = Vec<ChildStatus>;

    async fn handle(&mut self, _list: List, _cx: &mut ActorContext<Self>) -> Self::Reply {
        let status = |record: &Record| ChildStatus {
            id: record.id.clone(),
            actor: record.ward().map(|ward| ward.id().clone()),
            standing: record.standing,
            restart: record.parts.restart,
            is_significant: record.parts.is_significant,
            is_supervisor: record.parts.is_supervisor,
            restarts: record.starts.saturating_sub(1),
            last_exit: record.last_exit.clone(),
        };
        self.family.records.iter().map(status).collect()
    }
}

impl Handler<Count> for SupervisorActor {
    type Reply = ChildCount;

    async fn handle(&mut self, _count: Count, _cx: &mut ActorContext<Self>) -> ChildCount {
        let mut count = ChildCount::default();
        for record in &self.family.records {
            count.add(record.standing, record.parts.is_supervisor);
        }
        count
    }
}

impl Handler<Find> for SupervisorActor {
    type Reply = Result<Found, ChildError>;

    async fn handle(&mut self, Find(name): Find, _cx: &mut ActorContext<Self>) -> Self::Reply {
        let at = self.look(&name)?;
        self.found(at).ok_or(ChildError::Ended(name))
    }
}
