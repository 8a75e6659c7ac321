# ONNX's messages as classes, with the protobuf that they were made by, as ONNX::proto; its checker and shape inference as
# ONNX::onnx: ONNX_FOUND. By headers and libraries: not every system's package has CMake files.

find_path(ONNX_INCLUDE_DIR onnx/onnx_pb.h)
find_library(ONNX_LIBRARY onnx)
find_library(ONNX_PROTO_LIBRARY onnx_proto)
find_path(ONNX_PROTOBUF_INCLUDE_DIR google/protobuf/message.h)
find_library(ONNX_PROTOBUF_LIBRARY protobuf)
mark_as_advanced(ONNX_INCLUDE_DIR ONNX_LIBRARY ONNX_PROTO_LIBRARY ONNX_PROTOBUF_INCLUDE_DIR ONNX_PROTOBUF_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ONNX REQUIRED_VARS ONNX_LIBRARY ONNX_PROTO_LIBRARY ONNX_INCLUDE_DIR
                                                     ONNX_PROTOBUF_LIBRARY ONNX_PROTOBUF_INCLUDE_DIR)
if(ONNX_FOUND AND NOT TARGET ONNX::proto)
  find_package(Threads REQUIRED)
  add_library(ONNX::proto UNKNOWN IMPORTED)
  set_target_properties(
    ONNX::proto
    PROPERTIES IMPORTED_LOCATION "${ONNX_PROTO_LIBRARY}"
               INTERFACE_INCLUDE_DIRECTORIES "${ONNX_INCLUDE_DIR};${ONNX_PROTOBUF_INCLUDE_DIR}"
               INTERFACE_COMPILE_DEFINITIONS "ONNX_ML=1;ONNX_NAMESPACE=onnx"
               INTERFACE_LINK_LIBRARIES "${ONNX_PROTOBUF_LIBRARY};Threads::Threads")
  add_library(ONNX::onnx UNKNOWN IMPORTED)
  set_target_properties(ONNX::onnx PROPERTIES IMPORTED_LOCATION "${ONNX_LIBRARY}" INTERFACE_LINK_LIBRARIES ONNX::proto)
endif()
