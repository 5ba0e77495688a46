#pragma once
/// The XML that PMML documents are written in, read several times faster than expat does: UTF-8, ASCII names, elements,
/// attributes, text, the five entities and character references, comments, CDATA.
///
/// It only ever accepts. What it does not know (another encoding, DOCTYPE, processing instructions, other names) or
/// what is wrong it leaves to expat: it accepts nothing that expat refuses, and reports the same elements. The tests
/// and a fuzzer compare the two.

#include "models/pmml/document_builder.hpp"

namespace weir::pmml {

/// True when all of the document was reported to `builder`. Else nothing is known about it, and the builder's document
/// is of no use.
bool read_plain_xml(std::string_view bytes, DocumentBuilder& builder);

}  // namespace weir::pmml
