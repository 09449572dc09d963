//! Converts errors to Python, where each is an instance of a subclass of `hither.Error`.

use hither::{Error, ErrorKind};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

/// A result for Python, or an error.
pub type Outcome<T> = Result<T, Failure>;

/// An error.
pub enum Failure {
    /// An error of the library, or of this package: its code and its message.
    Coded { code: &'static str, message: String },
    /// An exception that Python raised meanwhile, such as `KeyboardInterrupt`.
    Raised(PyErr),
}

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self::Coded { code, message: message.into() }
    }

    /// An invalid parameter.
    pub fn parameter(message: impl Into<String>) -> Self {
        Self::new("invalid_parameter", message)
    }

    /// The message.
    pub fn text(&self) -> String {
        match self {
            Self::Coded { message, .. } => message.clone(),
            Self::Raised(error) => error.to_string(),
        }
    }

    /// The same error with its subject before the message, such as a row.
    pub fn behind(self, what: &str) -> Self {
        match self {
            Self::Coded { code, message } => {
                Self::Coded { code, message: format!("{what}: {message}") }
            }
            raised => raised,
        }
    }
}

/// Adds the option that would solve the problem, by its name in Python.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let option = match error.kind() {
            ErrorKind::HalfOverflow { .. } | ErrorKind::HalfUnderflow => {
                " (element=\"f32\")".into()
            }
            ErrorKind::MissingStructure { name } => format!(" (kind=\"{name}\")"),
            _ => String::new(),
        };
        Self::new(error.kind().code(), format!("{error}{option}"))
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Raised(error) => error,
            Failure::Coded { code, message } => Python::attach(|py| {
                let made = py
                    .import("hither._errors")
                    .and_then(|errors| errors.call_method1("make", (code, message)));
                made.map_or_else(|error| error, PyErr::from_value)
            }),
        }
    }
}

/// A count given by a caller. Numbers beyond 64 bits become the greatest or the least that these hold.
#[derive(Clone, Copy)]
pub struct Count(i64);

impl Count {
    /// The number as a `T`; `name` is the parameter's name in the error.
    ///
    /// # Errors
    /// If it is negative or out of range.
    pub fn of<T: TryFrom<i64>>(self, name: &str) -> Outcome<T> {
        let reason = if self.0 < 0 { "is negative" } else { "is too many" };
        T::try_from(self.0).map_err(|_| Failure::parameter(format!("{name}: {} {reason}", self.0)))
    }
}

impl From<i64> for Count {
    fn from(number: i64) -> Self {
        Self(number)
    }
}

impl FromPyObject<'_, '_> for Count {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        match object.extract::<i64>() {
            Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => {
                Ok(Self(if object.lt(0)? { i64::MIN } else { i64::MAX }))
            }
            number => number.map(Self),
        }
    }
}
