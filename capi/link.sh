#!/bin/sh
# Makes libbifrost.a and libbifrost.so out of the archive that cargo built:
#
#     link.sh ARCHIVE OUT SONAME VERSION [LIBRARIES]
#
# LIBRARIES are those of the system that the archive needs, as `rustc --print native-static-libs` tells them.
#
# First everything is linked into one object in which only the C ABI is global. So a program may link it
# beside another Rust library, or a curl of its own, and the shared library can have symbol versions, which
# rustc's own linker script does not allow.
set -eu

archive=$1 out=$2 soname=$3 version=$4 libraries=${5:--lgcc_s -lutil -lrt -lpthread -lm -ldl -lc}
abi=$(CDPATH='' cd -- "$(dirname -- "$0")/../abi" && pwd)
: "${CC:=cc}" "${LD:=ld}" "${OBJCOPY:=objcopy}" "${AR:=ar}"

mkdir -p "$out"
# shellcheck disable=SC2046 # one word an option
"$LD" -r $(sed 's/^/-u /' "$abi/symbols.txt") -o "$out/whole.o" "$archive"
# A group would have the host's copy of a section replace ours, whose symbols are local by now.
# Bitcode of the standard library would make an `ar` that has LLVM's plug-in choke.
"$OBJCOPY" --keep-global-symbols="$abi/symbols.txt" --remove-section=.group \
    --remove-section=.llvmbc --remove-section=.llvmcmd "$out/whole.o" "$out/bifrost.o"

rm -f "$out/libbifrost.a"
"$AR" rcs "$out/libbifrost.a" "$out/bifrost.o"
# shellcheck disable=SC2086 # one word a library
"$CC" -shared -o "$out/libbifrost.so.$version" "$out/bifrost.o" \
    -Wl,--version-script="$abi/bifrost.map" -Wl,-soname,"$soname" \
    -Wl,-z,nodelete,-z,now,-z,relro -Wl,--gc-sections -Wl,--no-undefined \
    $libraries
ln -sf "libbifrost.so.$version" "$out/$soname"
ln -sf "$soname" "$out/libbifrost.so"
rm -f "$out/whole.o" "$out/bifrost.o"
