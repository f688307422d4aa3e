//! A line of output, in the form of `sha256sum`.

/// The hash of a file.
pub(crate) type Hash = [u8; 32];

/// Adds `HASH  PATH` and a newline to a buffer.
///
/// As in coreutils 9.1, a backslash, newline or carriage return in the path is written as an escape,
/// and a line with an escape in it begins with a backslash.
pub(crate) fn push(into: &mut Vec<u8>, hash: &Hash, path: &[u8]) {
    if path.iter().any(|&byte| escape(byte).is_some()) {
        into.push(b'\\');
    }
    for byte in hash {
        into.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    into.extend(b"  ");
    push_escaped(into, path);
    into.push(b'\n');
}

/// Adds a path to a buffer, on one line whatever is in it.
pub(crate) fn push_escaped(into: &mut Vec<u8>, path: &[u8]) {
    for &byte in path {
        match escape(byte) {
            Some(letter) => into.extend([b'\\', letter]),
            None => into.push(byte),
        }
    }
}

fn escape(byte: u8) -> Option<u8> {
    match byte {
        b'\\' => Some(b'\\'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        _ => None,
    }
}

fn digit(half: u8) -> u8 {
    b"0123456789abcdef"[usize::from(half & 15)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &[u8], line: &[u8]) {
        let mut buffer = Vec::new();
        push(&mut buffer, &[0x0f; 32], path);
        let line = [line, b"\n"].concat();
        assert_eq!(buffer, line, "{}", path.escape_ascii());
    }

    #[test]
    fn a_plain_path_is_written_as_it_is() {
        let hash = "0f".repeat(32);
        for path in ["./a", "./with space", "./-", "./tab\there", "./é\u{7f}"] {
            check(path.as_bytes(), format!("{hash}  {path}").as_bytes());
        }
    }

    #[test]
    fn escapes_are_announced_by_a_backslash() {
        let hash = "0f".repeat(32);
        for (path, escaped) in [
            ("./a\\b", "./a\\\\b"),
            ("./a\nb", "./a\\nb"),
            ("./a\rb", "./a\\rb"),
            ("./\\n", "./\\\\n"),
        ] {
            check(path.as_bytes(), format!("\\{hash}  {escaped}").as_bytes());
        }
    }

    #[test]
    fn bytes_that_are_not_text_pass() {
        let hash = "0f".repeat(32);
        check(
            b"./\xff\xfe\n",
            &[b"\\", hash.as_bytes(), b"  ./\xff\xfe\\n"].concat(),
        );
    }
}
