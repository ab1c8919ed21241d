//! The Arrow C data interface, written out: handing over a batch needs two structs and no library.
//!
//! <https://arrow.apache.org/docs/format/CDataInterface.html>

use std::{
    ffi::{CString, c_char, c_void},
    ptr,
    sync::Arc,
};

use crate::{
    catalogue::{ColumnSpec, Physical},
    columns::{Batch, Column, Data},
};

/// `ArrowSchema`.
#[repr(C)]
pub struct Schema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut Schema,
    dictionary: *mut Schema,
    release: Option<unsafe extern "C" fn(*mut Schema)>,
    private_data: *mut c_void,
}

/// `ArrowArray`.
#[repr(C)]
pub struct Array {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut Array,
    dictionary: *mut Array,
    release: Option<unsafe extern "C" fn(*mut Array)>,
    private_data: *mut c_void,
}

const NULLABLE: i64 = 2;

// SAFETY: both own what they point to, and nothing in it is bound to a thread.
unsafe impl Send for Schema {}
unsafe impl Send for Array {}

struct SchemaOwner {
    format: CString,
    name: CString,
    children: Vec<*mut Schema>,
}

struct ArrayOwner {
    buffers: Vec<*const c_void>,
    children: Vec<*mut Array>,
    _batch: Arc<Batch>,
}

unsafe extern "C" fn release_schema(schema: *mut Schema) {
    // SAFETY: called once, by the interface's rule, on a struct that `Schema::new` filled; consumers may
    // have moved the struct, and its children are released and freed by their parent.
    unsafe {
        let owner = Box::from_raw((*schema).private_data.cast::<SchemaOwner>());
        for &child in &owner.children {
            drop(Box::from_raw(child));
        }
        (*schema).release = None;
    }
}

unsafe extern "C" fn release_array(array: *mut Array) {
    // SAFETY: as for `release_schema`.
    unsafe {
        let owner = Box::from_raw((*array).private_data.cast::<ArrayOwner>());
        for &child in &owner.children {
            drop(Box::from_raw(child));
        }
        (*array).release = None;
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: not released yet, for release clears the field.
            unsafe { release(self) }
        }
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: not released yet, for release clears the field.
            unsafe { release(self) }
        }
    }
}

impl Schema {
    fn new(name: &str, format: &str, flags: i64, children: Vec<Schema>) -> Schema {
        let c_string = |s: &str| CString::new(s).expect("names and formats have no zero byte");
        let children = children
            .into_iter()
            .map(|c| Box::into_raw(Box::new(c)))
            .collect();
        let mut owner = Box::new(SchemaOwner {
            format: c_string(format),
            name: c_string(name),
            children,
        });
        Schema {
            format: owner.format.as_ptr(),
            name: owner.name.as_ptr(),
            metadata: ptr::null(),
            flags,
            n_children: owner.children.len() as i64,
            children: owner.children.as_mut_ptr(),
            dictionary: ptr::null_mut(),
            release: Some(release_schema),
            private_data: Box::into_raw(owner).cast(),
        }
    }
}

impl Array {
    fn new(
        length: usize,
        nulls: usize,
        buffers: Vec<*const c_void>,
        children: Vec<Array>,
        batch: Arc<Batch>,
    ) -> Array {
        let children = children
            .into_iter()
            .map(|c| Box::into_raw(Box::new(c)))
            .collect();
        let mut owner = Box::new(ArrayOwner {
            buffers,
            children,
            _batch: batch,
        });
        Array {
            length: length as i64,
            null_count: nulls as i64,
            offset: 0,
            n_buffers: owner.buffers.len() as i64,
            n_children: owner.children.len() as i64,
            buffers: owner.buffers.as_mut_ptr(),
            children: owner.children.as_mut_ptr(),
            dictionary: ptr::null_mut(),
            release: Some(release_array),
            private_data: Box::into_raw(owner).cast(),
        }
    }
}

/// A batch as a struct array, the form of a record batch. Its memory stays the batch's.
pub fn export(batch: &Arc<Batch>) -> (Schema, Array) {
    let columns = batch
        .columns
        .iter()
        .map(|c| export_column(batch, c))
        .collect();
    (
        export_schema(batch),
        Array::new(batch.rows, 0, vec![ptr::null()], columns, batch.clone()),
    )
}

/// The type of a batch.
pub fn export_schema(batch: &Batch) -> Schema {
    let columns = batch.table.columns.iter();
    Schema::new(
        "",
        "+s",
        0,
        columns
            .map(|c| Schema::new(c.name, format(c), NULLABLE, Vec::new()))
            .collect(),
    )
}

fn format(column: &ColumnSpec) -> &'static str {
    match column.physical {
        Physical::Bool => "b",
        Physical::Int64 => "l",
        Physical::Float64 => "g",
        Physical::Utf8 => "u",
    }
}

fn export_column(batch: &Arc<Batch>, column: &Column) -> Array {
    let valid = column
        .valid
        .as_ref()
        .map_or(ptr::null(), |bits| bits.as_ptr().cast());
    let mut buffers: Vec<*const c_void> = vec![valid];
    match &column.data {
        Data::Bool(bits) => buffers.push(bits.as_ptr().cast()),
        Data::Int(values) => buffers.push(values.as_ptr().cast()),
        Data::Float(values) => buffers.push(values.as_ptr().cast()),
        Data::Str { offsets, bytes } => {
            buffers.extend([offsets.as_ptr().cast(), bytes.as_ptr().cast()])
        }
    }
    Array::new(batch.rows, column.nulls, buffers, Vec::new(), batch.clone())
}
