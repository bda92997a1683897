//! Operators.

use crate::fault::{Fault, Kind, raise};
use crate::list::List;
use crate::tree::{Binary, Unary};
use crate::value::Value;
use crate::vm::Vm;
use permacode::Gc;
use std::cmp::Ordering;

/// The most bytes of a text.
pub(crate) const LONGEST_TEXT: usize = 16 << 20;

/// The depth to which lists are compared.
const DEEPEST: usize = 100;

impl<'a> Vm<'a> {
    pub(crate) fn unary(&mut self, operator: Unary, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
        match (operator, value) {
            (Unary::Not, value) => Ok(Value::Bool(!value.is_true())),
            (Unary::Negate, Value::Int(number)) => {
                number.checked_neg().map_or_else(too_large, |number| Ok(Value::Int(number)))
            }
            (Unary::Negate, Value::Float(number)) => Ok(Value::Float(-number)),
            (Unary::Negate, other) => raise(Kind::Type, format!("- is not for a value of type {}", other.type_name())),
        }
    }

    pub(crate) fn binary(
        &mut self,
        operator: Binary,
        left: Value<'a>,
        right: Value<'a>,
    ) -> Result<Value<'a>, Fault<'a>> {
        let truth = match operator {
            Binary::Equal => self.equal(left, right, 0)?,
            Binary::NotEqual => !self.equal(left, right, 0)?,
            Binary::Less => self.compare(operator, left, right)? == Some(Ordering::Less),
            Binary::LessEqual => self.compare(operator, left, right)?.is_some_and(Ordering::is_le),
            Binary::Greater => self.compare(operator, left, right)? == Some(Ordering::Greater),
            Binary::GreaterEqual => self.compare(operator, left, right)?.is_some_and(Ordering::is_ge),
            Binary::In => self.contains(right, left)?,
            _ => return self.arithmetic(operator, left, right),
        };
        Ok(Value::Bool(truth))
    }

    fn arithmetic(&mut self, operator: Binary, left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
        match (left, right) {
            (Value::Int(left), Value::Int(right)) => whole(operator, left, right),
            (Value::Float(left), Value::Float(right)) => broken(operator, left, right),
            (Value::Int(left), Value::Float(right)) => broken(operator, left as f64, right),
            (Value::Float(left), Value::Int(right)) => broken(operator, left, right as f64),
            (Value::Text(one), Value::Text(other)) if operator == Binary::Add => {
                self.new_text_of(one.len().saturating_add(other.len()), |text| text.extend([&*one, &*other]))
            }
            (Value::Text(text), Value::Int(times)) | (Value::Int(times), Value::Text(text))
                if operator == Binary::Multiply =>
            {
                let times = usize::try_from(times).unwrap_or(0);
                self.new_text_of(text.len().saturating_mul(times), |all| (0..times).for_each(|_| all.push_str(&text)))
            }
            (Value::List(one), Value::List(other)) if operator == Binary::Add => self.join(one, other),
            (Value::List(list), Value::Int(times)) | (Value::Int(times), Value::List(list))
                if operator == Binary::Multiply =>
            {
                self.repeat(list, usize::try_from(times).unwrap_or(0))
            }
            _ => {
                let (left, right) = (left.type_name(), right.type_name());
                raise(Kind::Type, format!("{} is not for values of types {left} and {right}", operator.text()))
            }
        }
    }

    /// Makes a text of so many bytes.
    pub(crate) fn new_text_of(&mut self, bytes: usize, fill: impl FnOnce(&mut String)) -> Result<Value<'a>, Fault<'a>> {
        if bytes > LONGEST_TEXT {
            return raise(Kind::Value, format!("the text would have {bytes} bytes, more than {LONGEST_TEXT}"));
        }
        self.charge(bytes / 64)?;
        let mut text = String::with_capacity(bytes);
        fill(&mut text);
        self.new_text(&text)
    }

    pub(crate) fn new_text(&self, text: &str) -> Result<Value<'a>, Fault<'a>> {
        Ok(Value::Text(Gc::copy_str(&self.arenas.heap, text)?))
    }

    fn join(&mut self, one: Gc<'a, List<'a>>, other: Gc<'a, List<'a>>) -> Result<Value<'a>, Fault<'a>> {
        self.charge((one.len() + other.len()) / 16)?;
        let list = List::with_room(&self.arenas.heap, one.len() + other.len())?;
        list.extend(&one.elements())?;
        list.extend(&other.elements())?;
        Ok(Value::List(list))
    }

    fn repeat(&mut self, list: Gc<'a, List<'a>>, times: usize) -> Result<Value<'a>, Fault<'a>> {
        let len = list.len().saturating_mul(times);
        self.charge(len / 16)?;
        let repeated = List::with_room(&self.arenas.heap, len)?;
        for _ in 0..if list.len() == 0 { 0 } else { times } {
            repeated.extend(&list.elements())?;
        }
        Ok(Value::List(repeated))
    }

    // ── comparisons ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Returns `true` if two values are equal. Lists and dictionaries are, if their elements are.
    pub(crate) fn equal(&mut self, one: Value<'a>, other: Value<'a>, depth: usize) -> Result<bool, Fault<'a>> {
        if one.is_same(other) {
            return Ok(true);
        }
        if depth == DEEPEST {
            return raise(Kind::Recursion, "the values are nested too deep to compare");
        }
        match (one, other) {
            (Value::List(one), Value::List(other)) if one.len() == other.len() => {
                self.charge(one.len())?;
                for at in 0..one.len() {
                    if let (Some(one), Some(other)) = (one.get(at), other.get(at))
                        && !self.equal(one, other, depth + 1)?
                    {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Dict(one), Value::Dict(other)) if one.len() == other.len() => {
                self.charge(one.len())?;
                for entry in one.entries() {
                    match other.get(entry.key) {
                        Some(value) if self.equal(entry.value, value, depth + 1)? => {}
                        _ => return Ok(false),
                    }
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The order of two values; none where one is not a number.
    fn compare(&mut self, operator: Binary, left: Value<'a>, right: Value<'a>) -> Result<Option<Ordering>, Fault<'a>> {
        match (left, right) {
            (Value::Int(left), Value::Int(right)) => Ok(Some(left.cmp(&right))),
            (Value::Float(left), Value::Float(right)) => Ok(left.partial_cmp(&right)),
            (Value::Int(left), Value::Float(right)) => Ok((left as f64).partial_cmp(&right)),
            (Value::Float(left), Value::Int(right)) => Ok(left.partial_cmp(&(right as f64))),
            (Value::Text(left), Value::Text(right)) => Ok(Some(left.cmp(&right))),
            _ => {
                let (left, right) = (left.type_name(), right.type_name());
                raise(Kind::Type, format!("{} is not for values of types {left} and {right}", operator.text()))
            }
        }
    }

    fn contains(&mut self, all: Value<'a>, value: Value<'a>) -> Result<bool, Fault<'a>> {
        match (all, value) {
            (Value::Text(text), Value::Text(part)) => {
                self.charge(text.len() / 16)?;
                Ok(text.contains(&*part))
            }
            (Value::Dict(dict), key) => Ok(dict.get(self.key(key)?).is_some()),
            (Value::List(list), value) => Ok(self.position(list, value)?.is_some()),
            (Value::Iter(iter), Value::Int(number)) => Ok(iter.range().is_some_and(|range| range.has(number))),
            (Value::Iter(_), _) => Ok(false),
            (all, value) => {
                let (value, all) = (value.type_name(), all.type_name());
                raise(Kind::Type, format!("in is not for values of types {value} and {all}"))
            }
        }
    }

    /// The number of the first element that is equal to a value.
    pub(crate) fn position(&mut self, list: Gc<'a, List<'a>>, value: Value<'a>) -> Result<Option<usize>, Fault<'a>> {
        for at in 0..list.len() {
            self.charge(1)?;
            let Some(element) = list.get(at) else { break };
            if self.equal(element, value, 0)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}

fn too_large<'a, T>() -> Result<T, Fault<'a>> {
    raise(Kind::Arithmetic, "the number is too large for an int")
}

fn whole<'a>(operator: Binary, left: i64, right: i64) -> Result<Value<'a>, Fault<'a>> {
    let zero = right == 0 && matches!(operator, Binary::Divide | Binary::DivideFloor | Binary::Remainder);
    if zero {
        return raise(Kind::Arithmetic, "division by zero");
    }
    let number = match operator {
        Binary::Add => left.checked_add(right),
        Binary::Subtract => left.checked_sub(right),
        Binary::Multiply => left.checked_mul(right),
        Binary::DivideFloor => left.checked_div(right).map(|whole| {
            let down = left % right != 0 && (left < 0) != (right < 0);
            whole - i64::from(down)
        }),
        Binary::Remainder => {
            left.checked_rem(right).map(|rest| if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest })
        }
        _ => return Ok(Value::Float(left as f64 / right as f64)),
    };
    number.map_or_else(too_large, |number| Ok(Value::Int(number)))
}

fn broken<'a>(operator: Binary, left: f64, right: f64) -> Result<Value<'a>, Fault<'a>> {
    if right == 0.0 && matches!(operator, Binary::Divide | Binary::DivideFloor | Binary::Remainder) {
        return raise(Kind::Arithmetic, "division by zero");
    }
    Ok(Value::Float(match operator {
        Binary::Add => left + right,
        Binary::Subtract => left - right,
        Binary::Multiply => left * right,
        Binary::DivideFloor => (left / right).floor(),
        Binary::Remainder => left - right * (left / right).floor(),
        _ => left / right,
    }))
}
