# conda-forge builds ISCE2 only for x86-64. The digest fixes the base image, and a lock file (see below) the packages.
# hadolint ignore=DL3029
FROM --platform=linux/amd64 condaforge/miniforge3:26.7.2-0@sha256:eeb947cc87d61d46820b123bd7c26e1cbdc4b182ff7d0331e501a32a936b82e3

ARG CONDA_UID=1000
ARG CONDA_GID=1000
ARG VERSION=0.1.0
# Time stamp of all files; with BuildKit's rewrite-timestamp the same sources give the same layers.
ARG SOURCE_DATE_EPOCH=0

LABEL org.opencontainers.image.title="isce2-recipe" \
      org.opencontainers.image.description="Declarative InSAR recipes for ISCE2" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="The isce2-recipe developers"

# Compiled kernels are stored in a folder that every user can write to. /tmp is not suitable: it is often a mounted folder.
ENV PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/tmp/isce2-recipe-numba

# The base image already has a user with this number, which is replaced. Login shells activate the environment.
RUN existing=$(id --name --user "${CONDA_UID}" 2> /dev/null || true) \
    && if [ -n "$existing" ]; then userdel --remove "$existing"; fi \
    && (getent group "${CONDA_GID}" > /dev/null || groupadd --gid "${CONDA_GID}" conda) \
    && useradd --no-log-init --create-home --home-dir /home/conda --shell /bin/bash \
       --uid "${CONDA_UID}" --gid "${CONDA_GID}" conda \
    && echo ". /opt/conda/etc/profile.d/conda.sh && conda activate isce2-recipe" > /home/conda/.bashrc \
    && cp /home/conda/.bashrc /home/conda/.profile

WORKDIR /opt/isce2-recipe

# docker/conda-linux-64.lock, if it exists, lists every package with its checksum. Otherwise environment.yml is solved.
# In both cases the image contains the resulting list, which can be used as the lock file of the next build.
COPY environment.yml docker/conda-linux-64.loc[k] ./
RUN if [ -f conda-linux-64.lock ]; \
    then mamba create --yes --name isce2-recipe --file conda-linux-64.lock; \
    else mamba env create --yes --file environment.yml; fi \
    && conda list --name isce2-recipe --explicit --md5 > conda-linux-64.lock \
    && mamba clean --all --yes

COPY . .
RUN /opt/conda/envs/isce2-recipe/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation . 'whirlwind-insar>=0.10' \
    && install --mode 755 docker/entrypoint.sh /usr/local/bin/isce2-recipe-entrypoint

USER ${CONDA_UID}
WORKDIR /home/conda

# The first process of a container must handle signals and reap finished child processes; tini does both.
ENTRYPOINT ["tini", "--", "/usr/local/bin/isce2-recipe-entrypoint"]
CMD ["--help"]
