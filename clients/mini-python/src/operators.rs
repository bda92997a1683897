//! What operators do.

use crate::code::Operator::{self, *};
use crate::error::VmError;
use crate::value::{List, Text, Value, push};
use allocator_api2::vec::Vec as HeapVec;
use permacode::HeapArena;
use std::cmp::Ordering;

/// How deep in each other lists are compared.
const DEEPEST: usize = 100;

pub fn binary<'a>(heap: &'a HeapArena, operator: Operator, a: &Value<'a>, b: &Value<'a>) -> Result<Value<'a>, VmError> {
    let truth = |truth| Ok(Value::Bool(truth));
    match operator {
        Is => truth(a.same(b)),
        IsNot => truth(!a.same(b)),
        Equal => truth(equal(a, b, DEEPEST)?),
        NotEqual => truth(!equal(a, b, DEEPEST)?),
        Less => truth(order(a, b)?.is_lt()),
        LessEqual => truth(order(a, b)?.is_le()),
        Greater => truth(order(a, b)?.is_gt()),
        GreaterEqual => truth(order(a, b)?.is_ge()),
        Add | Subtract | Multiply | Divide | Remainder => match (operator, a, b) {
            (_, Value::Int(a), Value::Int(b)) => arithmetic(operator, *a, *b).map(Value::Int),
            (Add, Value::Text(a), Value::Text(b)) => Text::value(heap, [a.as_str(), b.as_str()]),
            (Add, Value::List(a), Value::List(b)) if a.tuple == b.tuple => {
                let mut items = HeapVec::new_in(heap);
                a.items.iter().chain(&b.items).try_for_each(|item| push(&mut items, item.clone()))?;
                List::value(items, a.tuple)
            }
            _ => Err(unknown(a, b)),
        },
    }
}

pub fn negative<'a>(value: &Value<'a>) -> Result<Value<'a>, VmError> {
    match value {
        Value::Int(int) => int.checked_neg().map(Value::Int).ok_or(VmError::Value("the number becomes too large")),
        other => Err(VmError::Type(format!("no negative of {}", other.kind()))),
    }
}

pub fn index<'a>(value: &Value<'a>, index: &Value<'a>) -> Result<Value<'a>, VmError> {
    let (Value::List(list), Value::Int(index)) = (value, index) else { return Err(unknown(value, index)) };
    let from_end = if *index < 0 { list.items.len() as i64 } else { 0 };
    let at = usize::try_from(index.wrapping_add(from_end)).ok();
    at.and_then(|at| list.items.get(at).cloned()).ok_or(VmError::Value("no such item"))
}

fn unknown(a: &Value<'_>, b: &Value<'_>) -> VmError {
    VmError::Type(format!("no such operation with {} and {}", a.kind(), b.kind()))
}

fn arithmetic(operator: Operator, a: i64, b: i64) -> Result<i64, VmError> {
    if b == 0 && matches!(operator, Divide | Remainder) {
        return Err(VmError::Value("division by zero"));
    }
    let result = match operator {
        Add => a.checked_add(b),
        Subtract => a.checked_sub(b),
        Multiply => a.checked_mul(b),
        // Both round down, as in Python.
        Divide => a
            .checked_rem(b)
            .and_then(|rest| a.checked_div(b)?.checked_sub(i64::from(rest != 0 && (rest < 0) != (b < 0)))),
        Remainder => a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }),
        _ => None,
    };
    result.ok_or(VmError::Value("the number becomes too large"))
}

fn order(a: &Value<'_>, b: &Value<'_>) -> Result<Ordering, VmError> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Ok(a.bytes.cmp(&b.bytes)),
        _ => Err(unknown(a, b)),
    }
}

fn equal<'a>(a: &Value<'a>, b: &Value<'a>, depth: usize) -> Result<bool, VmError> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Ok(a.bytes == b.bytes),
        (Value::List(one), Value::List(other)) if !a.same(b) => {
            if one.tuple != other.tuple || one.items.len() != other.items.len() {
                return Ok(false);
            }
            let depth = depth.checked_sub(1).ok_or(VmError::Depth)?;
            for (a, b) in one.items.iter().zip(&other.items) {
                if !equal(a, b, depth)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(a.same(b)),
    }
}
