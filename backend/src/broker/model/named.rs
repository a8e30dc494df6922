//! Which models the body of a call names, read as it passes and cut anywhere: one at the top, and others
//! in the tools, fallbacks and other places near it. What the conversation holds lies deeper and is not
//! looked at. Hostile input: whatever another reader could take for something else is refused.

/// The deepest object whose `model` counts: `{"tools": [{"model": …}]}`.
const DEEPEST: usize = 3;
/// The longest name of a model, as it is written; a longer key is no `model` however it is written.
const LONGEST: usize = 1200;

/// The body of a call that is not the JSON it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// Reads along.
#[derive(Default)]
pub(super) struct Names {
    /// What it is in: `{` or `[`, from the outside. Only as far as it matters.
    within: Vec<u8>,
    depth: usize,
    /// The string it is in.
    string: Option<Text>,
    /// The key that was read last in the object it is in, if that is not too deep.
    is_model: bool,
    /// Whether the next string in this object is a key.
    wants_key: bool,
    has_main: bool,
    has_ended: bool,
}

#[derive(Default)]
struct Text {
    is_key: bool,
    is_escaped: bool,
    /// The text as it is written, between the quotes; only where it matters.
    raw: Option<Vec<u8>>,
}

impl Names {
    /// Whether the model at the top is known.
    pub(super) const fn has_main(&self) -> bool {
        self.has_main
    }

    /// Reads the next bytes. Answers the models that they name.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<String>, Malformed> {
        let mut named = Vec::new();
        for &byte in bytes {
            match &mut self.string {
                Some(text) => {
                    if text.push(byte)? {
                        let text = self.string.take().unwrap_or_default();
                        named.extend(self.close(text)?);
                    }
                }
                None => self.outside(byte)?,
            }
        }
        Ok(named)
    }

    /// A byte outside of strings.
    fn outside(&mut self, byte: u8) -> Result<(), Malformed> {
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return Ok(());
        }
        if self.has_ended || (self.depth == 0 && byte != b'{') {
            return Err(Malformed("it is not one JSON object"));
        }
        let in_object = self.within.get(self.depth.wrapping_sub(1)) == Some(&b'{');
        match byte {
            b'{' | b'[' => self.open(byte)?,
            b'}' | b']' => self.leave(byte)?,
            b'"' => {
                let is_key = self.wants_key && in_object && self.depth <= DEEPEST;
                let matters = is_key || (self.is_model && in_object && self.depth <= DEEPEST);
                let raw = matters.then(Vec::new);
                self.string = Some(Text { is_key, is_escaped: false, raw });
            }
            b',' => {
                self.wants_key = in_object;
                self.is_model = false;
            }
            b':' => self.wants_key = false,
            b'0'..=b'9' | b'+' | b'-' | b'.' | b'E' | b'a'..=b'z' => {
                if self.is_model && self.depth == 1 {
                    return Err(Malformed("its `model` is not a text"));
                }
            }
            _ => return Err(Malformed("it is not JSON")),
        }
        Ok(())
    }

    fn open(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.is_model && self.depth == 1 {
            return Err(Malformed("its `model` is not a text"));
        }
        if self.depth < DEEPEST {
            self.within.truncate(self.depth);
            self.within.push(byte);
        }
        self.depth += 1;
        self.wants_key = byte == b'{';
        self.is_model = false;
        Ok(())
    }

    fn leave(&mut self, byte: u8) -> Result<(), Malformed> {
        let opened = self.within.get(self.depth - 1).copied();
        let fits = match opened {
            // Too deep to matter; its depth is counted all the same.
            None => true,
            Some(b'{') => byte == b'}',
            Some(_) => byte == b']',
        };
        if !fits {
            return Err(Malformed("it is not JSON"));
        }
        self.depth -= 1;
        self.within.truncate(self.depth);
        self.has_ended = self.depth == 0;
        self.wants_key = false;
        self.is_model = false;
        Ok(())
    }

    /// The end of a string: a key, or a model's name.
    fn close(&mut self, text: Text) -> Result<Option<String>, Malformed> {
        let Some(raw) = text.raw else { return Ok(None) };
        if raw.len() > LONGEST {
            return if text.is_key { Ok(None) } else { Err(Malformed("its `model` is too long")) };
        }
        let quoted = [b"\"", &raw[..], b"\""].concat();
        let text_ = serde_json::from_slice::<String>(&quoted).map_err(|_| Malformed("it is not JSON"))?;
        if text.is_key {
            // Some readers do not mind the case.
            self.is_model = text_.eq_ignore_ascii_case("model");
            if self.is_model && self.depth == 1 && self.has_main {
                return Err(Malformed("it has more than one `model`"));
            }
            return Ok(None);
        }
        self.has_main |= self.depth == 1;
        Ok(Some(text_))
    }
}

impl Text {
    /// Answers whether the string has ended.
    fn push(&mut self, byte: u8) -> Result<bool, Malformed> {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'"' => return Ok(true),
            b'\\' => self.is_escaped = true,
            0..0x20 => return Err(Malformed("it is not JSON")),
            _ => {}
        }
        if let Some(raw) = self.raw.as_mut().filter(|raw| raw.len() <= LONGEST) {
            raw.push(byte);
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
