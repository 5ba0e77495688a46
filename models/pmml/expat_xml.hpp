#pragma once
/// XML of every kind by expat: the judge of what is well-formed. Encodings UTF-8, UTF-16, ISO-8859-1, ASCII,
/// Windows-1252; DOCTYPE is refused.

#include "models/pmml/document_builder.hpp"

namespace weir::pmml {

/// Reports all of the document to `builder`; else says what is wrong, and in which line.
Status read_with_expat(std::string_view bytes, DocumentBuilder& builder);

}  // namespace weir::pmml
