#pragma once
/// A MANIFEST's bytes: "WEIRMAN1", a proto::Manifest, the SHA-256 of both. Only a whole one makes a checkpoint exist.

#include <string>
#include <string_view>

#include <weir/result.hpp>

#include "proto/manifest.pb.h"

namespace weir {

inline constexpr std::uint32_t kManifestVersion = 1;

std::string encode_manifest(const proto::Manifest& manifest);
/// kDataLoss when the bytes are no whole manifest; kUnimplemented when it is of a later format.
Result<proto::Manifest> decode_manifest(std::string_view bytes);

}  // namespace weir
