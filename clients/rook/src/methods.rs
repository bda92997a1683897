//! Methods of texts, lists, dictionaries and generators.

use crate::attributes::no_attribute;
use crate::dict::Dict;
use crate::elements::{part, place};
use crate::fault::{Fault, Kind, raise};
use crate::frame::Role;
use crate::generator::Generator;
use crate::list::List;
use crate::show::as_text;
use crate::value::Value;
use crate::vm::Vm;
use permacode::Gc;

impl<'a> Vm<'a> {
    /// Calls a method of a value that is no instance, with the uppermost values.
    pub(crate) fn call_method(&mut self, object: Value<'a>, name: &str, arguments: usize) -> Result<(), Fault<'a>> {
        if arguments > 2 {
            return raise(Kind::Type, format!("{name} takes fewer than {arguments} arguments"));
        }
        let mut given = [None; 2];
        for (at, argument) in given.iter_mut().enumerate().take(arguments) {
            *argument = Some(self.peek(arguments - 1 - at));
        }
        let value = match object {
            Value::Text(text) => self.text_method(text, name, given)?,
            Value::List(list) => self.list_method(list, name, given)?,
            Value::Dict(dict) => self.dict_method(dict, name, given)?,
            Value::Generator(generator) => return self.generator_method(generator, name, given, arguments),
            other => return no_attribute(other, name),
        };
        self.replace(arguments + 1, value);
        Ok(())
    }

    fn text_method(
        &mut self,
        text: Gc<'a, str>,
        name: &str,
        given: [Option<Value<'a>>; 2],
    ) -> Result<Value<'a>, Fault<'a>> {
        self.charge(text.len() / 16)?;
        let texts = given.map(|value| value.and_then(as_text));
        match (name, given, &texts) {
            ("upper", [None, None], _) => self.new_text(&text.to_uppercase()),
            ("lower", [None, None], _) => self.new_text(&text.to_lowercase()),
            ("trim", [None, None], _) => self.new_text(text.trim()),
            ("starts_with", _, [Some(part), None]) => Ok(Value::Bool(text.starts_with(&**part))),
            ("ends_with", _, [Some(part), None]) => Ok(Value::Bool(text.ends_with(&**part))),
            ("find", _, [Some(part), None]) => {
                let at = text.find(&**part).map(|at| text[..at].chars().count());
                Ok(at.map_or(Value::Int(-1), |at| Value::Int(at as i64)))
            }
            ("replace", _, [Some(old), Some(_)]) if old.is_empty() => {
                raise(Kind::Value, "an empty text cannot be replaced")
            }
            ("replace", _, [Some(old), Some(new)]) => {
                let bytes = text.matches(&**old).count().saturating_mul(new.len()).saturating_add(text.len());
                let replaced =
                    if bytes < crate::operators::LONGEST_TEXT { text.replace(&**old, new) } else { String::new() };
                self.new_text_of(bytes, |all| all.push_str(&replaced))
            }
            ("split", _, [Some(by), None]) if by.is_empty() => raise(Kind::Value, "a text cannot be split by nothing"),
            ("split", _, [Some(by), None]) => self.texts(text.split(&**by)),
            ("lines", [None, None], _) => self.texts(text.lines()),
            ("words", [None, None], _) => self.texts(text.split_whitespace()),
            ("slice", [Some(Value::Int(from)), Some(Value::Int(to))], _) => {
                let range = part(from, to, text.chars().count());
                let part: String = text.chars().skip(range.start).take(range.len()).collect();
                self.new_text(&part)
            }
            ("join", [Some(Value::List(parts)), None], _) => self.joined(parts, &text),
            _ => self.no_method(Value::Text(text), name, given),
        }
    }

    fn list_method(
        &mut self,
        list: Gc<'a, List<'a>>,
        name: &str,
        given: [Option<Value<'a>>; 2],
    ) -> Result<Value<'a>, Fault<'a>> {
        match (name, given) {
            ("push", [Some(value), None]) => list.push(value)?,
            ("pop", [None, None]) => match list.pop() {
                Some(value) => return Ok(value),
                None => return raise(Kind::Index, "pop of an empty list"),
            },
            ("insert", [Some(Value::Int(at)), Some(value)]) => {
                let at = place(at, list.len() + 1)?;
                self.charge(list.len() / 64)?;
                list.insert(at, value)?;
            }
            ("remove", [Some(Value::Int(at)), None]) => {
                let at = place(at, list.len())?;
                self.charge(list.len() / 64)?;
                return Ok(list.remove(at));
            }
            ("extend", [Some(Value::List(other)), None]) => {
                self.charge(other.len() / 16)?;
                let more: Vec<Value<'a>> = other.elements().to_vec(); // it may be the list itself
                list.extend(&more)?;
            }
            ("clear", [None, None]) => list.clear(),
            ("reverse", [None, None]) => list.elements_mut().reverse(),
            ("sort", [None, None]) => self.sort(list)?,
            ("index_of", [Some(value), None]) => {
                let at = self.position(list, value)?;
                return Ok(at.map_or(Value::Int(-1), |at| Value::Int(at as i64)));
            }
            ("slice", [Some(Value::Int(from)), Some(Value::Int(to))]) => {
                let elements = &list.elements()[part(from, to, list.len())];
                self.charge(elements.len() / 16)?;
                return Ok(Value::List(List::new(&self.arenas.heap, elements)?));
            }
            ("copy", [None, None]) => {
                self.charge(list.len() / 16)?;
                return Ok(Value::List(List::new(&self.arenas.heap, &list.elements())?));
            }
            ("join", [Some(Value::Text(between)), None]) => return self.joined(list, &between),
            _ => return self.no_method(Value::List(list), name, given),
        }
        Ok(Value::Nil)
    }

    fn dict_method(
        &mut self,
        dict: Gc<'a, Dict<'a>>,
        name: &str,
        given: [Option<Value<'a>>; 2],
    ) -> Result<Value<'a>, Fault<'a>> {
        let heap = &self.arenas.heap;
        match (name, given) {
            ("has", [Some(key), None]) => Ok(Value::Bool(dict.get(self.key(key)?).is_some())),
            ("get", [Some(key), default]) => {
                let key = self.key(key)?;
                Ok(dict.get(key).or(default).unwrap_or(Value::Nil))
            }
            ("remove", [Some(key), None]) => self.take_key(dict, key),
            ("clear", [None, None]) => {
                dict.clear();
                Ok(Value::Nil)
            }
            ("keys", [None, None]) | ("values", [None, None]) => {
                self.charge(dict.len() / 16)?;
                let list = List::with_room(heap, dict.len())?;
                for entry in dict.entries() {
                    list.push(if name == "keys" { entry.key } else { entry.value })?;
                }
                Ok(Value::List(list))
            }
            _ => self.no_method(Value::Dict(dict), name, given),
        }
    }

    fn generator_method(
        &mut self,
        generator: Gc<'a, Generator<'a>>,
        name: &str,
        given: [Option<Value<'a>>; 2],
        arguments: usize,
    ) -> Result<(), Fault<'a>> {
        let sent = match (name, given) {
            ("next", [None, None]) => Value::Nil,
            ("send", [Some(value), None]) => value,
            _ => return self.no_method(Value::Generator(generator), name, given),
        };
        self.resume(generator, sent, arguments + 1, Role::Next(generator))
    }

    // ── parts of methods ────────────────────────────────────────────────────────────────────────────────────────────────────

    fn texts<'t>(&mut self, parts: impl Iterator<Item = &'t str>) -> Result<Value<'a>, Fault<'a>> {
        let list = List::new(&self.arenas.heap, &[])?;
        for part in parts {
            self.charge(1)?;
            let part = self.new_text(part)?;
            list.push(part)?;
        }
        Ok(Value::List(list))
    }

    fn joined(&mut self, parts: Gc<'a, List<'a>>, between: &str) -> Result<Value<'a>, Fault<'a>> {
        let mut bytes = 0_usize;
        for part in parts.elements().iter() {
            match part {
                Value::Text(text) => bytes = bytes.saturating_add(text.len() + between.len()),
                other => {
                    return raise(
                        Kind::Type,
                        format!("only texts can be joined, no value of type {}", other.type_name()),
                    );
                }
            }
        }
        self.new_text_of(bytes, |all| {
            for (number, part) in parts.elements().iter().enumerate() {
                all.push_str(if number > 0 { between } else { "" });
                all.push_str(as_text(*part).as_deref().unwrap_or(""));
            }
        })
    }

    /// Sorts numbers or texts; equal ones keep their order.
    fn sort(&mut self, list: Gc<'a, List<'a>>) -> Result<(), Fault<'a>> {
        self.charge(list.len().saturating_mul(list.len().checked_ilog2().unwrap_or(0) as usize + 1) / 4)?;
        let mut elements = list.elements_mut();
        if elements.iter().all(|value| matches!(value, Value::Int(_))) {
            elements.sort_by_key(|value| if let Value::Int(number) = value { *number } else { 0 });
        } else if elements.iter().all(|value| matches!(value, Value::Int(_) | Value::Float(_))) {
            let number = |value: &Value<'a>| match *value {
                Value::Int(number) => number as f64,
                Value::Float(number) => number,
                _ => 0.0,
            };
            elements.sort_by(|one, other| number(one).total_cmp(&number(other)));
        } else if elements.iter().all(|value| matches!(value, Value::Text(_))) {
            elements.sort_by(|one, other| as_text(*one).as_deref().cmp(&as_text(*other).as_deref()));
        } else {
            return raise(Kind::Type, "sort is for numbers alone or texts alone; sorted(list, less) is for others");
        }
        Ok(())
    }

    fn no_method<T>(&self, object: Value<'a>, name: &str, given: [Option<Value<'a>>; 2]) -> Result<T, Fault<'a>> {
        const KNOWN: &[(&str, &str)] = &[
            ("text", "upper lower trim starts_with ends_with find replace split lines words slice join"),
            ("list", "push pop insert remove extend clear reverse sort index_of slice copy join"),
            ("dict", "has get remove clear keys values"),
            ("generator", "next send"),
        ];
        let kind = object.type_name();
        let known = KNOWN.iter().any(|(own, names)| *own == kind && names.split(' ').any(|known| known == name));
        if !known {
            return no_attribute(object, name);
        }
        let types: Vec<&str> = given.iter().flatten().map(Value::type_name).collect();
        raise(Kind::Type, format!("{name} of a value of type {kind} is not for ({})", types.join(", ")))
    }
}
