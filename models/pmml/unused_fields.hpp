#pragma once
/// What nothing reads is not compiled, but a document that names what does not exist is wrong all the same.

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {

/// Reports undefined fields and functions and cycles in those DerivedFields and DefineFunctions of `holder` that
/// nothing reads. What weir does not support does no harm where nothing reads it.
void check_unused_fields(Element holder, Scope& scope, DocumentContext& document);

/// Whether PMML, or vendors as x-name, define the function.
bool is_builtin_function(std::string_view name);

}  // namespace weir::pmml
