//! Globals, attributes and methods by name, with inline caches.
//!
//! A cache remembers a place for a class or a module. Places never move, and [`Vm::version`] changes when a name that was found further away is
//! declared nearer. So a cache of another version is only slow, and never wrong.

use crate::class::{Class, Instance, MemberPlace};
use crate::code::Code;
use crate::fault::{Fault, Kind, raise};
use crate::value::Value;
use crate::vm::Vm;
use permacode::{Error, Gc};

/// A place that a cache remembers, in one number.
#[derive(Clone, Copy)]
enum Found {
    /// An attribute of an instance, or a global of the module itself.
    Near(u16),
    /// A global of the prelude.
    Builtin(u16),
    /// A member of a class.
    Member(MemberPlace),
}

impl Found {
    fn pack(self) -> u32 {
        match self {
            Self::Near(place) => u32::from(place),
            Self::Builtin(place) => 1 << 30 | u32::from(place),
            Self::Member(place) => 1 << 31 | u32::from(place.up) << 16 | u32::from(place.number),
        }
    }

    fn unpack(packed: u32) -> Self {
        let (low, up) = (packed as u16, (packed >> 16 & 0x3fff) as u16);
        match packed >> 30 {
            0 => Self::Near(low),
            1 => Self::Builtin(low),
            _ => Self::Member(MemberPlace { up, number: low }),
        }
    }
}

impl<'a> Vm<'a> {
    fn cached(&self, code: &Code<'_>, cache: u16, key: usize) -> Result<Option<Found>, Fault<'a>> {
        Ok(self.caches.of(code.caches)?[usize::from(cache)].get(key, self.version).map(Found::unpack))
    }

    fn remember(&self, code: &Code<'_>, cache: u16, key: usize, found: Found) -> Result<(), Fault<'a>> {
        self.caches.of(code.caches)?[usize::from(cache)].set(key, self.version, found.pack());
        Ok(())
    }

    /// Lets all caches miss: a name means something else.
    fn outdate_caches(&mut self) {
        self.version = self.version.next();
    }

    /// The place of an attribute in instances of a class, which gets one now if it had none.
    pub(crate) fn place_of(&mut self, class: Gc<'a, Class<'a>>, name: &str) -> Result<usize, Error> {
        if let Some(place) = class.place(name) {
            return Ok(place);
        }
        let place = class.add_place(&self.arenas.heap, name)?;
        self.outdate_caches(); // it may hide a method
        Ok(place)
    }

    // ── globals ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn global(&mut self, code: &Code<'_>, name: u16, cache: u16) -> Result<Value<'a>, Fault<'a>> {
        let module = self.frames.last().expect("a frame runs").function.module;
        let known = match self.cached(code, cache, module.id)? {
            Some(Found::Near(place)) => module.get(usize::from(place)),
            Some(Found::Builtin(place)) => self.builtins.get(usize::from(place)),
            _ => None,
        };
        if let Some(value) = known {
            return Ok(value);
        }
        let name = code.names[usize::from(name)];
        let (place, value) = if let Some(place) = module.find(name) {
            (u16::try_from(place).map(Found::Near), module.get(place))
        } else if let Some(place) = self.builtins.find(name) {
            (u16::try_from(place).map(Found::Builtin), self.builtins.get(place))
        } else {
            return raise(Kind::Name, format!("nothing is called `{name}`"));
        };
        if let Ok(found) = place {
            self.remember(code, cache, module.id, found)?;
        }
        Ok(value.unwrap_or(Value::Nil))
    }

    /// Assigns the uppermost value, which is popped.
    pub(crate) fn set_global(&mut self, code: &Code<'_>, name: u16, cache: u16) -> Result<(), Fault<'a>> {
        let module = self.frames.last().expect("a frame runs").function.module;
        if let Some(Found::Near(place)) = self.cached(code, cache, module.id)? {
            let value = self.pop();
            module.set(usize::from(place), value);
            return Ok(());
        }
        let name = code.names[usize::from(name)];
        let Some(place) = module.find(name) else {
            return raise(Kind::Name, format!("nothing is called `{name}`: declare it with `let`"));
        };
        if let Ok(near) = u16::try_from(place) {
            self.remember(code, cache, module.id, Found::Near(near))?;
        }
        let value = self.pop();
        module.set(place, value);
        Ok(())
    }

    /// Declares a global with the uppermost value, which is popped.
    pub(crate) fn define_global(&mut self, code: &Code<'_>, name: u16) -> Result<(), Fault<'a>> {
        let module = self.frames.last().expect("a frame runs").function.module;
        if module.define(&self.arenas.heap, code.names[usize::from(name)], self.peek(0))? {
            self.outdate_caches();
        }
        self.pop();
        Ok(())
    }

    // ── attributes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// An attribute of an instance, and whether it is the class's.
    fn find(
        &mut self,
        instance: Gc<'a, Instance<'a>>,
        code: &Code<'_>,
        name: &str,
        cache: u16,
    ) -> Result<Option<(Value<'a>, bool)>, Fault<'a>> {
        let class = instance.class;
        match self.cached(code, cache, class.id)? {
            Some(Found::Near(place)) => {
                if let Some(value) = instance.get(usize::from(place)) {
                    return Ok(Some((value, false)));
                }
            }
            // An instance may have an attribute of that name, too: then the cache of this class is that of the attribute.
            Some(Found::Member(place)) => {
                if let Some(value) = Class::member(class, place) {
                    return Ok(Some((value, true)));
                }
            }
            _ => {}
        }
        let place = class.place(name);
        if let Some((place, value)) = place.and_then(|place| Some((place, instance.get(place)?))) {
            if let Ok(place) = u16::try_from(place) {
                self.remember(code, cache, class.id, Found::Near(place))?;
            }
            return Ok(Some((value, false)));
        }
        let Some(member) = Class::find(class, name) else { return Ok(None) };
        if place.is_none() {
            self.remember(code, cache, class.id, Found::Member(member))?;
        }
        Ok(Class::member(class, member).map(|value| (value, true)))
    }

    /// The attribute of the uppermost value.
    pub(crate) fn attribute(&mut self, code: &Code<'_>, name: u16, cache: u16) -> Result<Value<'a>, Fault<'a>> {
        let (object, name) = (self.peek(0), code.names[usize::from(name)]);
        let found = match object {
            Value::Instance(instance) => match self.find(instance, code, name, cache)? {
                Some((method @ Value::Function(_), true)) => return self.bind(object, method),
                found => found.map(|(value, _)| value),
            },
            Value::Class(class) => match name {
                "name" => Some(Value::Text(class.name)),
                _ => Class::member_named(class, name),
            },
            Value::Module(module) => module.get_named(name),
            _ => None,
        };
        found.map_or_else(|| no_attribute(object, name), Ok)
    }

    /// Sets an attribute of the value below the uppermost.
    pub(crate) fn set_attribute(&mut self, code: &Code<'_>, name: u16, cache: u16) -> Result<(), Fault<'a>> {
        let (object, value, name) = (self.peek(1), self.peek(0), code.names[usize::from(name)]);
        match object {
            Value::Instance(instance) => {
                let class = instance.class;
                if let Some(Found::Near(place)) = self.cached(code, cache, class.id)? {
                    return Ok(instance.set(usize::from(place), value)?);
                }
                let place = self.place_of(class, name)?;
                if let Ok(near) = u16::try_from(place) {
                    self.remember(code, cache, class.id, Found::Near(near))?;
                }
                Ok(instance.set(place, value)?)
            }
            Value::Class(class) => {
                class.set_member(&self.arenas.heap, name, value)?;
                self.outdate_caches(); // it may hide a method of a class above
                Ok(())
            }
            Value::Module(module) => {
                if module.define(&self.arenas.heap, name, value)? {
                    self.outdate_caches();
                }
                Ok(())
            }
            other => raise(Kind::Type, format!("a value of type {} has no attributes to set", other.type_name())),
        }
    }

    // ── methods ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Calls a method of the value below the arguments.
    pub(crate) fn invoke(&mut self, code: &Code<'_>, arguments: usize, name: u16, cache: u16) -> Result<(), Fault<'a>> {
        let (object, name) = (self.peek(arguments), code.names[usize::from(name)]);
        match object {
            Value::Instance(instance) => match self.find(instance, code, name, cache)? {
                Some((Value::Function(method), true)) => self.enter(method, object, arguments),
                Some((value, _)) => self.call(value, arguments),
                None => no_attribute(object, name),
            },
            _ => self.invoke_named(name, arguments),
        }
    }

    /// Calls a method of the value below the arguments, without a cache.
    pub(crate) fn invoke_named(&mut self, name: &str, arguments: usize) -> Result<(), Fault<'a>> {
        let object = self.peek(arguments);
        match object {
            Value::Instance(instance) => match (instance.get_named(name), Class::member_named(instance.class, name)) {
                (Some(value), _) => self.call(value, arguments),
                (None, Some(Value::Function(method))) => self.enter(method, object, arguments),
                (None, Some(value)) => self.call(value, arguments),
                (None, None) => no_attribute(object, name),
            },
            Value::Class(class) => match Class::member_named(class, name) {
                Some(Value::Function(method)) => self.enter(method, object, arguments),
                Some(value) => self.call(value, arguments),
                None => no_attribute(object, name),
            },
            Value::Module(module) => match module.get_named(name) {
                Some(value) => self.call(value, arguments),
                None => no_attribute(object, name),
            },
            _ => self.call_method(object, name, arguments),
        }
    }

    /// Calls a method of the class on top, for the value below the arguments below it.
    pub(crate) fn invoke_super(&mut self, arguments: usize, name: &str) -> Result<(), Fault<'a>> {
        let (object, class) = (self.peek(arguments + 1), self.peek(0));
        let method = match class {
            Value::Class(class) => Class::member_named(class, name),
            _ => None,
        };
        let Some(Value::Function(method)) = method else {
            return raise(Kind::Attribute, format!("no class above has a method `{name}`"));
        };
        let class = self.pop();
        self.enter(method, object, arguments).inspect_err(|_| self.stack.push(class))
    }

    /// Returns `true` if a value is of a class.
    pub(crate) fn is_a(&self, value: Value<'a>, class: Value<'a>) -> Result<bool, Fault<'a>> {
        match (value, class) {
            (Value::Instance(instance), Value::Class(class)) => Ok(Class::is(instance.class, class)),
            (_, Value::Class(_)) => Ok(false),
            (_, other) => raise(Kind::Type, format!("a value of type {} is no class", other.type_name())),
        }
    }
}

pub(crate) fn no_attribute<'a, T>(object: Value<'a>, name: &str) -> Result<T, Fault<'a>> {
    let what = match object {
        Value::Module(module) => format!("module {}", &*module.name),
        Value::Class(class) => format!("class {}", &*class.name),
        other => format!("a value of type {}", other.type_name()),
    };
    raise(Kind::Attribute, format!("{what} has no `{name}`"))
}
