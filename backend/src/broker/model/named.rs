//! What the body of a call asks for, read as it passes and cut anywhere: its models, one at the top and others
//! in the tools, fallbacks and other places near it; and whether the model's server is to reach the internet
//! for it (its own tools, MCP servers, pictures and documents by URL), which would be a way past the firewall.
//! Hostile input: whatever another reader could take for something else is refused.

/// The deepest object whose `model` counts: `{"tools": [{"model": …}]}`.
const DEEPEST_MODEL: usize = 3;
/// The deepest object that can be a part of a message: `{"messages": [{"content": [{"content": [{"source": …`
const DEEPEST: usize = 12;
/// The beginnings of the types of tools that work in the container; any other works on the model's server.
const TOOLS: [&str; 5] = ["custom", "bash_", "text_editor_", "computer_", "memory_"];
const REACHES: &str = "it asks the model's server to reach the internet (a tool of its own, an MCP server, or a \
                       picture or document by URL), which is a way past the container's firewall";
const KEPT: &str = "it names a file or a container that the model's server keeps (`file_id`, `container`), which may \
                    be another run's: put what it is to read into the message";
/// How deep a part of a message lies: `{"messages": [{"content": [{`
const PART: usize = 5;
/// The longest name of a model, as it is written; a longer key is no `model` however it is written.
const LONGEST: usize = 1200;

/// The body of a call that is not the JSON it should be, or asks for what no run may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// Reads along.
#[derive(Default)]
pub(super) struct Names {
    /// What it is in, from the outside. Only as far as it matters.
    within: Vec<Level>,
    depth: usize,
    /// The string it is in.
    string: Option<Text>,
    /// The key that was read last in the object it is in, if that is not too deep.
    key: Key,
    /// Whether the next string in this object is a key.
    wants_key: bool,
    /// The model at the top.
    main: Option<String>,
    has_ended: bool,
}

/// An object or an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Level {
    /// `{` or `[`
    opened: u8,
    is: Place,
}

/// What an object or array is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The list of tools, or one of them.
    Tools,
    /// The list of messages, and what is in it down to the parts of a message.
    Messages,
    /// A list of parts: of a message, of a tool's result, of a document.
    Parts,
    /// A part of a message.
    Part,
    /// Where a picture or a document is from.
    Source,
    Other,
}

/// A key that matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Key {
    Model,
    Type,
    Tools,
    Messages,
    Content,
    Source,
    #[default]
    Other,
}

impl Key {
    /// Some readers do not mind the case.
    fn read(text: &str) -> Self {
        let known = [
            ("model", Self::Model),
            ("type", Self::Type),
            ("tools", Self::Tools),
            ("messages", Self::Messages),
            ("content", Self::Content),
            ("source", Self::Source),
        ];
        let found = known.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
        found.map_or(Self::Other, |(_, key)| key)
    }
}

#[derive(Default)]
struct Text {
    is_key: bool,
    is_escaped: bool,
    /// The text as it is written, between the quotes; only where it matters.
    raw: Option<Vec<u8>>,
}

impl Names {
    /// The model at the top, once it is known.
    pub(super) fn main(&self) -> Option<&str> {
        self.main.as_deref()
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
        let in_object = self.level().is_some_and(|level| level.opened == b'{');
        match byte {
            b'{' | b'[' => self.open(byte)?,
            b'}' | b']' => self.leave(byte)?,
            b'"' => {
                let is_key = self.wants_key && in_object;
                let matters = is_key || (in_object && matches!(self.key, Key::Model | Key::Type));
                let raw = matters.then(Vec::new);
                self.string = Some(Text { is_key, is_escaped: false, raw });
            }
            b',' => {
                self.wants_key = in_object;
                self.key = Key::Other;
            }
            b':' => self.wants_key = false,
            b'0'..=b'9' | b'+' | b'-' | b'.' | b'E' | b'a'..=b'z' => {
                if self.key == Key::Model && self.depth == 1 {
                    return Err(Malformed("its `model` is not a text"));
                }
            }
            _ => return Err(Malformed("it is not JSON")),
        }
        Ok(())
    }

    fn open(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.key == Key::Model && self.depth == 1 {
            return Err(Malformed("its `model` is not a text"));
        }
        if self.depth < DEEPEST {
            let is = match (self.key, self.level()) {
                (Key::Tools, Some(_)) if self.depth == 1 => Place::Tools,
                (Key::Messages, Some(_)) if self.depth == 1 => Place::Messages,
                // What a tool is given has sources of its own, and they are nothing to the model's server.
                (Key::Source, Some(Level { is: Place::Messages | Place::Parts | Place::Part, .. })) => {
                    Place::Source
                }
                (Key::Content, Some(Level { is: Place::Parts | Place::Part | Place::Source, .. })) => {
                    Place::Parts
                }
                (_, Some(Level { opened: b'[', is: Place::Parts })) => Place::Part,
                (_, Some(Level { is: Place::Messages, .. })) if self.depth + 1 == PART => Place::Part,
                (_, Some(Level { is: Place::Messages, .. })) if self.depth < PART => Place::Messages,
                (_, Some(Level { opened: b'[', is: Place::Tools })) => Place::Tools,
                _ => Place::Other,
            };
            self.within.truncate(self.depth);
            self.within.push(Level { opened: byte, is });
        }
        self.depth += 1;
        self.wants_key = byte == b'{';
        self.key = Key::Other;
        Ok(())
    }

    /// What it is in, if that is not too deep to matter.
    fn level(&self) -> Option<Level> {
        self.within.get(self.depth.checked_sub(1)?).copied()
    }

    fn leave(&mut self, byte: u8) -> Result<(), Malformed> {
        let fits = match self.level().map(|level| level.opened) {
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
        self.key = Key::Other;
        Ok(())
    }

    /// The end of a string: a key, a model's name, or a type.
    fn close(&mut self, text: Text) -> Result<Option<String>, Malformed> {
        let Some(raw) = text.raw else { return Ok(None) };
        if raw.len() > LONGEST {
            return if text.is_key {
                Ok(None)
            } else {
                Err(Malformed("its `model` or a `type` is too long"))
            };
        }
        let quoted = [b"\"", &raw[..], b"\""].concat();
        let said = serde_json::from_slice::<String>(&quoted).map_err(|_| Malformed("it is not JSON"))?;
        if text.is_key {
            return self.read_key(&said).map(|()| None);
        }
        match (self.key, self.level().map(|level| level.is)) {
            (Key::Model, _) => {
                if self.depth == 1 {
                    self.main.get_or_insert_with(|| said.clone());
                }
                Ok((self.depth <= DEEPEST_MODEL).then_some(said))
            }
            (Key::Type, Some(Place::Tools)) if !TOOLS.iter().any(|tool| said.starts_with(tool)) => {
                Err(Malformed(REACHES))
            }
            (Key::Type, Some(Place::Source)) if said.eq_ignore_ascii_case("url") => Err(Malformed(REACHES)),
            _ => Ok(None),
        }
    }

    fn read_key(&mut self, key: &str) -> Result<(), Malformed> {
        self.key = Key::read(key);
        if self.depth == 1 && key.eq_ignore_ascii_case("mcp_servers") {
            return Err(Malformed(REACHES));
        }
        let of_part = match self.level().map(|level| level.is) {
            Some(Place::Source | Place::Part) => true,
            // One part in the place of a list of them.
            Some(Place::Parts) => self.level().is_some_and(|level| level.opened == b'{'),
            _ => false,
        };
        if (self.depth == 1 && key.eq_ignore_ascii_case("container"))
            || (of_part && key.eq_ignore_ascii_case("file_id"))
        {
            return Err(Malformed(KEPT));
        }
        if self.key == Key::Model && self.depth == 1 && self.main.is_some() {
            return Err(Malformed("it has more than one `model`"));
        }
        Ok(())
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
