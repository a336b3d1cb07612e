#include "shim.h"

#include <openjpeg.h>
#include <string.h>

/* A stream over a block of memory. */
typedef struct {
    uint8_t *data;
    size_t size; /* readable, or capacity for writing */
    size_t at;
    size_t end; /* written */
} block;

static OPJ_SIZE_T block_read(void *to, OPJ_SIZE_T n, void *user) {
    block *b = user;
    size_t left = b->size - b->at;
    if (left == 0)
        return (OPJ_SIZE_T)-1;
    if (n > left)
        n = left;
    memcpy(to, b->data + b->at, n);
    b->at += n;
    return n;
}

static OPJ_SIZE_T block_write(void *from, OPJ_SIZE_T n, void *user) {
    block *b = user;
    if (n > b->size - b->at)
        return (OPJ_SIZE_T)-1;
    memcpy(b->data + b->at, from, n);
    b->at += n;
    if (b->at > b->end)
        b->end = b->at;
    return n;
}

static OPJ_OFF_T block_skip(OPJ_OFF_T n, void *user) {
    block *b = user;
    if (n < 0 || (OPJ_UINT64)n > b->size - b->at)
        return -1;
    b->at += (size_t)n;
    return n;
}

static OPJ_BOOL block_seek(OPJ_OFF_T to, void *user) {
    block *b = user;
    if (to < 0 || (OPJ_UINT64)to > b->size)
        return OPJ_FALSE;
    b->at = (size_t)to;
    return OPJ_TRUE;
}

static opj_stream_t *block_stream(block *b, OPJ_BOOL input) {
    opj_stream_t *s = opj_stream_create(1 << 16, input);
    if (!s)
        return NULL;
    opj_stream_set_user_data(s, b, NULL);
    opj_stream_set_user_data_length(s, b->size);
    opj_stream_set_read_function(s, block_read);
    opj_stream_set_write_function(s, block_write);
    opj_stream_set_skip_function(s, block_skip);
    opj_stream_set_seek_function(s, block_seek);
    return s;
}

static void keep(const char *text, void *user) {
    char *message = user;
    if (message[0] == 0) { /* the first error is the cause */
        strncpy(message, text, RADNODE_MESSAGE - 1);
        message[RADNODE_MESSAGE - 1] = 0;
    }
}

static void quiet(const char *text, void *user) {
    (void)text;
    (void)user;
}

static void listen(opj_codec_t *codec, char *message) {
    message[0] = 0;
    opj_set_error_handler(codec, keep, message);
    opj_set_warning_handler(codec, quiet, NULL);
    opj_set_info_handler(codec, quiet, NULL);
}

static void store(const opj_image_t *im, uint32_t n, uint32_t bytes, uint8_t *dst) {
    size_t pixels = (size_t)im->comps[0].w * im->comps[0].h;
    for (uint32_t c = 0; c < n; c++) {
        const OPJ_INT32 *p = im->comps[c].data;
        if (bytes == 1) {
            uint8_t *d = dst + c;
            for (size_t i = 0; i < pixels; i++, d += n)
                *d = (uint8_t)p[i];
        } else if (bytes == 2) {
            uint8_t *d = dst + 2 * c;
            for (size_t i = 0; i < pixels; i++, d += 2 * n) {
                d[0] = (uint8_t)p[i];
                d[1] = (uint8_t)((uint32_t)p[i] >> 8);
            }
        } else {
            uint8_t *d = dst + 4 * c;
            for (size_t i = 0; i < pixels; i++, d += 4 * n)
                for (int k = 0; k < 4; k++)
                    d[k] = (uint8_t)((uint32_t)p[i] >> (8 * k));
        }
    }
}

int radnode_j2k_decode(const uint8_t *src, size_t size, uint32_t w, uint32_t h,
                       uint32_t n, uint32_t bytes, uint8_t *dst, int *sgnd,
                       char *message) {
    block b = {(uint8_t *)src, size, 0, 0};
    opj_image_t *im = NULL;
    opj_stream_t *stream = NULL;
    int failed = 1;
    opj_dparameters_t parameters;
    opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_J2K);
    message[0] = 0;
    if (!codec)
        return 1;
    listen(codec, message);
    opj_set_default_decoder_parameters(&parameters);
    stream = block_stream(&b, OPJ_TRUE);
    if (!stream || !opj_setup_decoder(codec, &parameters) ||
        !opj_decoder_set_strict_mode(codec, OPJ_TRUE) ||
        !opj_read_header(stream, codec, &im))
        goto done;
    if (im->numcomps != n || !opj_decode(codec, stream, im))
        goto done;
    for (uint32_t c = 0; c < n; c++)
        if (!im->comps[c].data || im->comps[c].w != w || im->comps[c].h != h ||
            im->comps[c].sgnd != im->comps[0].sgnd) {
            keep("components differ in size or sign", message);
            goto done;
        }
    *sgnd = im->comps[0].sgnd;
    store(im, n, bytes, dst);
    failed = 0;
done:
    opj_image_destroy(im);
    if (stream)
        opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    return failed;
}

static int32_t sample(const uint8_t *p, uint32_t bytes, int sgnd) {
    if (bytes == 1)
        return sgnd ? (int8_t)p[0] : p[0];
    uint16_t v = (uint16_t)(p[0] | p[1] << 8);
    return sgnd ? (int16_t)v : v;
}

static opj_image_t *picture(const uint8_t *src, uint32_t w, uint32_t h, uint32_t n,
                            uint32_t bytes, uint32_t bits, int sgnd) {
    opj_image_cmptparm_t parm[3];
    memset(parm, 0, sizeof parm);
    for (uint32_t c = 0; c < n; c++) {
        parm[c].dx = parm[c].dy = 1;
        parm[c].w = w;
        parm[c].h = h;
        parm[c].prec = bits;
        parm[c].sgnd = (OPJ_UINT32)sgnd;
    }
    opj_image_t *im = opj_image_create(n, parm, n == 3 ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY);
    if (!im)
        return NULL;
    im->x1 = w;
    im->y1 = h;
    size_t pixels = (size_t)w * h;
    for (uint32_t c = 0; c < n; c++)
        for (size_t i = 0; i < pixels; i++)
            im->comps[c].data[i] = sample(src + (i * n + c) * bytes, bytes, sgnd);
    return im;
}

int64_t radnode_j2k_encode(const uint8_t *src, uint32_t w, uint32_t h,
                           uint32_t n, uint32_t bytes, uint32_t bits, int sgnd,
                           uint8_t *dst, size_t capacity, char *message) {
    block b = {dst, capacity, 0, 0};
    int64_t length = -1;
    opj_cparameters_t p;
    opj_stream_t *stream = NULL;
    opj_codec_t *codec = opj_create_compress(OPJ_CODEC_J2K);
    opj_image_t *im = picture(src, w, h, n, bytes, bits, sgnd);
    message[0] = 0;
    if (!codec || !im)
        goto done;
    listen(codec, message);
    opj_set_default_encoder_parameters(&p);
    p.tcp_numlayers = 1;
    p.tcp_rates[0] = 0; /* lossless */
    p.cp_disto_alloc = 1;
    p.irreversible = 0;
    p.tcp_mct = n == 3;
    for (uint32_t edge = w < h ? w : h; p.numresolution > 1 && (1u << (p.numresolution - 1)) > edge;)
        p.numresolution--;
    stream = block_stream(&b, OPJ_FALSE);
    if (stream && opj_setup_encoder(codec, &p, im) &&
        opj_start_compress(codec, im, stream) && opj_encode(codec, stream) &&
        opj_end_compress(codec, stream))
        length = (int64_t)b.end;
done:
    opj_image_destroy(im);
    if (stream)
        opj_stream_destroy(stream);
    if (codec)
        opj_destroy_codec(codec);
    return length;
}
