//! A message definition for one version: what to read, one op after the other, without a version in sight.

use std::sync::OnceLock;

use crate::{
    defaults::Default,
    schema::{FieldDef, MessageDef, Type},
    tape::FieldId,
};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    pub field: FieldId,
    /// Of the value, or of an array's elements.
    pub ty: Type,
    pub array: bool,
    /// In `Plan::elements` for an array, else in `Plan::structs` for a struct.
    pub index: u16,
    pub nullable: bool,
    /// Lengths are varints.
    pub compact: bool,
}

#[derive(Debug)]
pub(crate) struct StructPlan {
    pub ops: Box<[Op]>,
    /// Tagged fields follow, perhaps none.
    pub flexible: bool,
    pub tags: Box<[(u32, Op)]>,
    /// The defaults of all fields, tagged or not.
    pub defaults: Box<[(FieldId, Default)]>,
}

#[derive(Debug)]
pub(crate) struct Element {
    pub op: Op,
    /// No element is shorter than this: bounds an array's count by the bytes that remain.
    pub min_size: u32,
}

/// Struct 0 is the message.
#[derive(Debug)]
pub(crate) struct Plan {
    pub structs: Vec<StructPlan>,
    pub elements: Vec<Element>,
}

impl Plan {
    pub(crate) fn compile(message: &MessageDef, version: i16) -> Plan {
        let mut plan = Plan {
            structs: Vec::new(),
            elements: Vec::new(),
        };
        plan.add_struct(&message.fields, version, message.flexible.has(version));
        plan
    }

    /// The index of the struct and the least size of its values.
    fn add_struct(&mut self, fields: &[FieldDef], version: i16, flexible: bool) -> (u16, u32) {
        let index = self.structs.len();
        self.structs.push(StructPlan {
            ops: Box::new([]),
            flexible,
            tags: Box::new([]),
            defaults: Box::new([]),
        });
        let (mut ops, mut tags, mut defaults) = (Vec::new(), Vec::new(), Vec::new());
        let mut min_size = u32::from(flexible);
        for field in fields.iter().filter(|f| f.versions.has(version)) {
            let (op, size) = self.op(field, version, flexible);
            defaults.push((field.id, Default::of(field)));
            match field.tag {
                Some((tag, versions)) if versions.has(version) => tags.push((tag, op)),
                _ => {
                    ops.push(op);
                    min_size += size;
                }
            }
        }
        self.structs[index] = StructPlan {
            ops: ops.into(),
            flexible,
            tags: tags.into(),
            defaults: defaults.into(),
        };
        (index as u16, min_size)
    }

    fn op(&mut self, field: &FieldDef, version: i16, flexible: bool) -> (Op, u32) {
        let compact = flexible && !field.plain;
        let nullable = field.nullable.has(version);
        let length = |plain: u32| if compact { 1 } else { plain };
        let mut size = field
            .ty
            .fixed_size()
            .unwrap_or_else(|| length(field.ty.plain_prefix()));
        let mut op = Op {
            field: field.id,
            ty: field.ty,
            array: false,
            index: 0,
            nullable,
            compact,
        };
        if field.ty == Type::Struct {
            let (index, least) = self.add_struct(&field.children, version, flexible);
            size = if nullable && !field.array { 1 } else { least };
            op.index = index;
        }
        if !field.array {
            return (op, size);
        }
        self.elements.push(Element {
            op: Op {
                nullable: false,
                ..op
            },
            min_size: size.max(1),
        });
        op.array = true;
        op.index = (self.elements.len() - 1) as u16;
        (op, length(4))
    }
}

/// The plans of a message, each compiled when it is first asked for.
#[derive(Debug)]
pub(crate) struct Plans {
    pub message: &'static MessageDef,
    plans: Box<[OnceLock<Plan>]>,
}

impl Plans {
    pub(crate) fn new(message: &'static MessageDef) -> Plans {
        let count = message.versions.high - message.versions.low + 1;
        Plans {
            message,
            plans: (0..count).map(|_| OnceLock::new()).collect(),
        }
    }

    pub(crate) fn get(&self, version: i16) -> Option<&Plan> {
        let index = usize::try_from(version.checked_sub(self.message.versions.low)?).ok()?;
        Some(
            self.plans
                .get(index)?
                .get_or_init(|| Plan::compile(self.message, version)),
        )
    }
}
