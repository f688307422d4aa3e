//! The registry against a map, under random operations.

use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::error::Cause;
use greenroom_core::registry::RegistryError;
use proptest::prelude::*;

use crate::{World, id_of, name};

const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    Enter(usize, Option<usize>),
    Leave(usize),
    Join(usize, usize),
    Part(usize, usize),
    Cancel(usize),
    CancelGroup(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (actor, name) = (0..5_usize, 0..NAMES.len());
    prop_oneof![
        4 => (actor.clone(), proptest::option::of(name.clone())).prop_map(|(a, n)| Step::Enter(a, n)),
        2 => actor.clone().prop_map(Step::Leave),
        3 => (actor.clone(), name.clone()).prop_map(|(a, n)| Step::Join(a, n)),
        2 => (actor.clone(), name.clone()).prop_map(|(a, n)| Step::Part(a, n)),
        1 => actor.prop_map(Step::Cancel),
        1 => name.prop_map(Step::CancelGroup),
    ]
}

/// Who lives, under which name and in which groups.
type Model = BTreeMap<usize, (Option<usize>, BTreeSet<usize>)>;

fn holder(model: &Model, name: usize) -> Option<usize> {
    let holds = |(_, (own, _)): &(&usize, &(Option<usize>, _))| *own == Some(name);
    model.iter().find(holds).map(|(actor, _)| *actor)
}

fn members(model: &Model, group: usize) -> Vec<usize> {
    let is_in = |(_, (_, groups)): &(&usize, &(_, BTreeSet<usize>))| groups.contains(&group);
    model
        .iter()
        .filter(is_in)
        .map(|(actor, _)| *actor)
        .collect()
}

proptest! {
    #[test]
    fn entries_names_and_groups_agree_with_a_map(steps in proptest::collection::vec(step(), 0..60)) {
        let w = World::new();
        let ids: Vec<_> = (0..5).map(|_| w.root.child("actor")).collect();
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Enter(actor, own) => {
                    let entered = w.enter(&ids[actor], own.map(|own| NAMES[own]));
                    let taken = own.and_then(|own| holder(&model, own));
                    match entered {
                        Ok(()) => {
                            prop_assert!(taken.is_none());
                            prop_assert!(model.insert(actor, (own, BTreeSet::new())).is_none());
                        }
                        Err(RegistryError::IdTaken(id)) => {
                            prop_assert!(model.contains_key(&actor) && id == ids[actor]);
                        }
                        Err(RegistryError::NameTaken { name, holder }) => {
                            prop_assert!(!model.contains_key(&actor));
                            prop_assert_eq!(Some(name.as_str()), own.map(|own| NAMES[own]));
                            prop_assert_eq!(Some(holder), taken.map(|taken| ids[taken].clone()));
                        }
                        Err(other) => panic!("{other}"),
                    }
                }
                Step::Leave(actor) => {
                    prop_assert_eq!(w.registry.leave_actor(&ids[actor]), model.remove(&actor).is_some());
                }
                Step::Join(actor, group) => {
                    let living = model.get_mut(&actor);
                    let joined = w.registry.join_group(&ids[actor], name(NAMES[group]));
                    prop_assert_eq!(joined, living.is_some());
                    if let Some((_, groups)) = living {
                        groups.insert(group);
                    }
                }
                Step::Part(actor, group) => {
                    let was = model.get_mut(&actor).is_some_and(|(_, groups)| groups.remove(&group));
                    prop_assert_eq!(w.registry.leave_group(&ids[actor], &name(NAMES[group])), was);
                }
                Step::Cancel(actor) => {
                    let was = w.registry.cancel_actor(&ids[actor], Cause::Cancelled);
                    prop_assert_eq!(was, model.contains_key(&actor));
                    prop_assert_eq!(w.log().len(), usize::from(was));
                }
                Step::CancelGroup(group) => {
                    let expected = members(&model, group);
                    let cancelled = w.registry.cancel_group(&name(NAMES[group]), Cause::Cancelled);
                    prop_assert_eq!(cancelled, expected.len());
                    let paths: Vec<_> = expected.iter().map(|actor| ids[*actor].to_string()).collect();
                    let log = w.log();
                    prop_assert!(log.iter().zip(&paths).all(|(line, path)| line.starts_with(path)));
                    prop_assert_eq!(log.len(), paths.len());
                }
            }
            for (at, text) in NAMES.into_iter().enumerate() {
                let found = id_of(w.registry.whereis(&name(text)));
                prop_assert_eq!(found, holder(&model, at).map(|actor| ids[actor].to_string()));
                let expected: Vec<_> = members(&model, at).iter().map(|actor| ids[*actor].clone()).collect();
                prop_assert_eq!(w.registry.group(&name(text)), expected);
            }
            let living: Vec<_> = w.registry.actors(w.context.now()).into_iter().map(|record| record.task.id).collect();
            let expected: Vec<_> = model.keys().map(|actor| ids[*actor].clone()).collect();
            prop_assert_eq!(living, expected);
        }
    }

    #[test]
    fn a_path_from_outside_finds_its_actor_or_nothing(
        text in "\\PC{0,40}",
        names in proptest::collection::vec("[a-z#+/0-9 é]{0,6}", 1..4),
    ) {
        let w = World::new();
        // Ids may have names that no `Name` may, such as those with a slash.
        let mut id = w.root.clone();
        for name in names {
            id = id.child(name);
        }
        prop_assert!(w.enter(&id, None).is_ok());
        let path = id.to_string();
        prop_assert_eq!(w.registry.actor_at(&text).is_some(), text == path);
        if !path.contains("//") && id.to_string().matches('/').count() == depth(&id) {
            prop_assert_eq!(id_of(w.registry.actor_at(&path)), Some(path));
        }
    }
}

fn depth(id: &greenroom_core::Id) -> usize {
    std::iter::successors(id.parent(), |id| id.parent()).count()
}
