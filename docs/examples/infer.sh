#!/bin/sh
# Runs a model on one image over the Open Inference Protocol: binary tensor in, JSON out.
# usage: RADNODE_URL=http://127.0.0.1:8080 RADNODE_TOKEN=… infer.sh MODEL INPUT SHAPE TENSOR
#        infer.sh paediatric-pneumonia image 1,1,160,160 image.f32   (little-endian float32)
set -eu
model=$1 input=$2 shape=$3 tensor=$4
size=$(wc -c < "$tensor" | tr -d ' ')
header="{\"inputs\":[{\"name\":\"$input\",\"shape\":[$shape],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":$size}}],\"outputs\":[{\"name\":\"probabilities\"}]}"
{ printf '%s' "$header"; cat "$tensor"; } |
  curl --silent --show-error --fail-with-body --data-binary @- \
    --header "Authorization: Bearer $RADNODE_TOKEN" \
    --header "Content-Type: application/octet-stream" \
    --header "Inference-Header-Content-Length: ${#header}" \
    "$RADNODE_URL/v2/models/$model/infer"
