#pragma once
/// The border between weir and a model runtime in a shared library of its own: plain C, versioned.
///
/// A plug-in exports two functions, weir_runtime_abi_version and weir_runtime_open. The host opens the library with
/// RTLD_LOCAL, compares versions, opens the runtime once, and then calls the functions of the struct that it got. The
/// library is never closed. examples/toy_runtime is a whole plug-in; weir/runtimes.hpp makes a ModelRuntime of one.
///
/// Ownership: who makes a thing frees it. Pointers into a description live as long as the model, all other pointers for
/// the call. A model outlives its scorers. Threads: every function may be called from any thread, also at once, `score`
/// on one scorer too; only the free functions are not called while the thing is in use. Failures: functions that can
/// fail return 0 when they did and otherwise something else, having said why through weir_text_sink. Nothing may throw
/// across the border. Texts are UTF-8 and not zero-terminated.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Raised with every change of this file that a plug-in could notice. Host and plug-in must agree.
#define WEIR_RUNTIME_ABI_VERSION 2u

typedef struct weir_text {
  const char* data;  ///< null: a missing value
  size_t size;
} weir_text;

/// Where a function puts a message. Call `put` at most once; it copies.
typedef struct weir_text_sink {
  void* context;
  void (*put)(void* context, const char* data, size_t size);
} weir_text_sink;

enum { WEIR_NUMBER = 0, WEIR_TEXT = 1 };

/// An input of a model: one feature, or a tensor of several.
typedef struct weir_input {
  weir_text name;
  int32_t type;         ///< WEIR_NUMBER or WEIR_TEXT
  int64_t width;        ///< features it takes; -1: any number
  weir_text describes;  ///< its type and shape for people: `float [N, 11]`
} weir_input;

/// An output of a model: one number or text for each row.
typedef struct weir_output {
  weir_text name;
  int32_t type;
} weir_output;

typedef struct weir_model_description {
  const weir_input* inputs;
  size_t input_count;
  const weir_output* outputs;  ///< the primary result first
  size_t output_count;
  weir_text summary;    ///< one line for people
  size_t memory_bytes;  ///< approximate
} weir_model_description;

/// What a model is loaded from. What is not given is empty.
typedef struct weir_load_request {
  const void* bytes;
  size_t size;
  const weir_text* inputs;  ///< names of the graph's inputs, where the bytes do not say
  size_t input_count;
  const weir_text* outputs;  ///< names of the graph's outputs, where the bytes do not say or not all are wanted
  size_t output_count;
  const weir_text* classes;  ///< labels of the columns of the probability output, where the bytes do not say
  size_t class_count;
  weir_text tag;        ///< which part of a SavedModel
  weir_text signature;  ///< which of its functions
  uint64_t max_memory_bytes;
  int64_t max_load_ms;
  int32_t same_bits;  ///< not 0: a row's answers are to have the same bits whatever other rows are scored in its call
} weir_load_request;

/// Where a scorer finds its features. Column numbers of all inputs one after the other: `widths[0]` of the first, ...
/// Those of a number input are columns of weir_rows.numbers, those of a text input columns of weir_rows.texts.
typedef struct weir_binding {
  const size_t* widths;  ///< of each input: the features bound to it
  const size_t* columns;
  const size_t* outputs;  ///< indices of the wanted outputs in the description
  size_t output_count;
} weir_binding;

/// Features of `rows` records, row-major. A missing number is NaN.
typedef struct weir_rows {
  size_t rows;
  const double* numbers;
  size_t number_columns;
  const weir_text* texts;
  size_t text_columns;
} weir_rows;

/// Where a scorer puts its answers: number outputs and text outputs counted separately, in the order of the binding.
typedef struct weir_answers {
  double* numbers;  ///< rows x number outputs, row-major; NaN: no value
  void* context;
  void (*put_text)(void* context, size_t row, size_t text_output, const char* data, size_t size);
  /// The row could not be scored. Its numbers are not looked at.
  void (*fail)(void* context, size_t row, const char* message, size_t size);
} weir_answers;

typedef struct weir_model weir_model;
typedef struct weir_scorer weir_scorer;

/// One kind of model of a plug-in.
typedef struct weir_runtime {
  const char* type;  ///< the model type it answers to: `ONNX`; zero-terminated
  const char* name;  ///< of the runtime, for people: `ONNX Runtime 1.21.0`; zero-terminated
  void* context;     ///< first argument of `load`
  int (*load)(void* context, const weir_load_request* request, weir_model** model, weir_text_sink error);
  void (*free_model)(weir_model* model);
  void (*describe)(const weir_model* model, weir_model_description* description);
  int (*bind)(weir_model* model, const weir_binding* binding, weir_scorer** scorer, weir_text_sink error);
  void (*free_scorer)(weir_scorer* scorer);
  void (*score)(const weir_scorer* scorer, const weir_rows* rows, const weir_answers* answers);
} weir_runtime;

/// What the host tells a plug-in when it opens it.
typedef struct weir_runtime_host {
  uint32_t abi_version;
  weir_text library;  ///< path of the runtime's own library; empty: the plug-in knows where to look
  /// Lines of the host's log. May be kept and called from any thread.
  void (*log)(const char* data, size_t size);
} weir_runtime_host;

/// Exported by every plug-in: WEIR_RUNTIME_ABI_VERSION as it was compiled with.
uint32_t weir_runtime_abi_version(void);
/// Exported by every plug-in: the runtime for `type`, or null and the reason (it has no such type; its library is
/// missing). Called until it succeeds once for a type. The struct lives as long as the process.
const weir_runtime* weir_runtime_open(const weir_runtime_host* host, const char* type, weir_text_sink error);

#ifdef __cplusplus
}
#endif
