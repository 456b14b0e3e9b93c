#!/bin/sh
# Unpacks Mesa's software Vulkan driver (lavapipe), which has shader-f16, into a folder without installing it: other programs
# keep their adapters. Prints the path of its manifest. Usage: sh tools/fetch-lavapipe.sh FOLDER
# Debian and its derivatives, x64 or arm64; on bookworm from its backports, whose Mesa is new enough.
set -eu
[ $# -eq 1 ] || { echo 'usage: sh tools/fetch-lavapipe.sh FOLDER' >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
manifest="$folder/lavapipe.json"
[ ! -f "$manifest" ] || { echo "$manifest"; exit 0; }
command -v apt-get >/dev/null || { echo 'fetch-lavapipe: there is no apt-get here; install Mesa 24 or newer and name its lvp_icd manifest.' >&2; exit 1; }

cd "$folder"
options=''
if grep -q VERSION_CODENAME=bookworm /etc/os-release; then
  mkdir -p lists/partial cache/archives/partial
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' | sort -u | head -n 1)
  [ -n "$mirror" ] || { echo 'fetch-lavapipe: apt knows no packages of bookworm yet; run apt-get update first.' >&2; exit 1; }
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" >sources.list
  options="-o Dir::Etc::sourcelist=$folder/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$folder/lists -o Dir::Cache=$folder/cache"
  # shellcheck disable=SC2086 -- words
  apt-get $options -qq update >&2
fi
# shellcheck disable=SC2086
apt-get $options -qq download mesa-vulkan-drivers >&2
dpkg -x mesa-vulkan-drivers_*.deb root
rm -rf mesa-vulkan-drivers_*.deb lists cache sources.list

library=$(find "$folder/root/usr/lib" -name libvulkan_lvp.so)
missing=$(ldd "$library" | grep 'not found' || true)
[ -z "$missing" ] || { echo "fetch-lavapipe: the driver lacks libraries; install what mesa-vulkan-drivers depends on:
$missing" >&2; exit 1; }
sed "s#\"library_path\": *\"[^\"]*\"#\"library_path\": \"$library\"#" root/usr/share/vulkan/icd.d/lvp_icd*.json >"$manifest"
echo "$manifest"
