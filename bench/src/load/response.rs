//! As much of an HTTP/1.1 response as a load generator needs: the status, and where it ends.
//!
//! Never: chunked bodies. The servers under test answer with a Content-Length.

/// A response that is all there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// 100 to 999.
    pub status: u16,
    /// Bytes it takes, head and body.
    pub length: usize,
}

/// What stands at the beginning of `bytes`: `None` while it is not all there.
///
/// # Errors
/// The bytes are no response this reader understands.
#[inline]
pub fn read(bytes: &[u8]) -> Result<Option<Response>, &'static str> {
    let Some(head) = head_end(bytes) else {
        return Ok(None);
    };
    let status = bytes.get(9..12).and_then(number).ok_or("no status line")?;
    let body = content_length(&bytes[..head]).ok_or("no Content-Length")?;
    if bytes.len() < head + body {
        return Ok(None);
    }
    Ok(Some(Response { status: status as u16, length: head + body }))
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    // Looks at every fourth byte only: an end of head cannot hide between two of them.
    let mut at = 3;
    while at < bytes.len() {
        let skip = match bytes[at] {
            b'\n' if bytes[at - 3..at] == *b"\r\n\r" => return Some(at + 1),
            b'\n' => 2,
            b'\r' => 1,
            _ => 4,
        };
        at += skip;
    }
    None
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\ncontent-length:";
    let mut from = 0;
    while let Some(line) = head[from..].iter().position(|&b| b == b'\n') {
        let at = from + line;
        if head.get(at..at + NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)) {
            let value = &head[at + NAME.len()..];
            let end = value.iter().position(|&b| b == b'\r')?;
            return number(value[..end].trim_ascii());
        }
        from = at + 1;
    }
    None
}

fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0, |sum: usize, &digit| {
        digit.is_ascii_digit().then(|| sum * 10 + usize::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: &[u8] =
        b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n{}";

    #[test]
    fn a_response_counts_once_its_last_byte_is_there() {
        for cut in 0..ACCEPTED.len() {
            assert_eq!(read(&ACCEPTED[..cut]), Ok(None), "cut at {cut}");
        }
        let length = ACCEPTED.len();
        assert_eq!(read(ACCEPTED), Ok(Some(Response { status: 202, length })));
    }

    #[test]
    fn every_length_of_head_is_found() {
        for padding in 0..9 {
            let name = "x".repeat(padding);
            let text = format!("HTTP/1.1 409 C\r\n{name}: 1\r\ncontent-length: 0\r\n\r\n");
            let found = read(text.as_bytes()).unwrap().unwrap();
            assert_eq!((found.status, found.length), (409, text.len()));
        }
    }

    #[test]
    fn a_response_of_unknown_length_is_refused() {
        assert!(read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
