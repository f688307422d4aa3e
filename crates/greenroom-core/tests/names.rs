//! Names and ids that come from outside: any text is taken or refused with its reason.

use std::collections::BTreeSet;

use greenroom_core::error::NameError;
use greenroom_core::{Id, Name};
use proptest::prelude::*;

/// Any text at all, with slashes and marks of numbers more often than chance has them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter),
        "[a-z/#0-9]{0,8}",
        Just(String::new()),
    ]
}

proptest! {
    #[test]
    fn a_name_is_the_text_that_was_given_or_an_error_that_says_why(text in text()) {
        match Name::new(text.clone()) {
            Ok(name) => {
                prop_assert!(!text.is_empty() && !text.contains('/'));
                prop_assert_eq!(name.as_str(), &text);
                prop_assert_eq!(name.to_string(), text.clone());
                prop_assert_eq!(serde_json::to_value(&name).ok(), Some(text.clone().into()));
                prop_assert_eq!(name.into_text(), text);
            }
            Err(NameError::Empty) => prop_assert!(text.is_empty()),
            Err(NameError::Slash(refused)) => {
                prop_assert!(text.contains('/'));
                prop_assert_eq!(refused, text);
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn children_have_numbers_of_their_own_and_order_by_them(names in proptest::collection::vec(text(), 1..12)) {
        let root = Id::root();
        let children: Vec<_> = names.iter().map(|name| root.child(name.clone())).collect();
        let mut sorted = children.clone();
        sorted.sort();
        prop_assert_eq!(&sorted, &children);
        let numbers: BTreeSet<_> = children.iter().map(Id::number).collect();
        prop_assert_eq!(numbers.len(), children.len());
        for (child, name) in children.iter().zip(&names) {
            prop_assert_eq!(child.name(), name);
            prop_assert_eq!(child.to_string(), format!("root/{name}#{}", child.number()));
            prop_assert!(child.is_within(&root) && !root.is_within(child));
        }
    }

    /// A total order that agrees with equality, whatever the tree.
    #[test]
    fn ids_are_ordered_parents_first(parents in proptest::collection::vec(any::<prop::sample::Index>(), 0..24)) {
        let mut ids = vec![Id::root()];
        for parent in parents {
            let id = parent.get(&ids).child("n");
            ids.push(id);
        }
        for a in &ids {
            for b in &ids {
                prop_assert_eq!(a == b, a.is_same(b));
                prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
                if b.is_within(a) {
                    prop_assert!(a <= b);
                }
                for c in &ids {
                    prop_assert!(!(a <= b && b <= c) || a <= c);
                }
            }
        }
    }
}
