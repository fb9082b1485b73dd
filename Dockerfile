FROM condaforge/miniforge3:24.11.3-2

ARG CONDA_UID=1000
ARG CONDA_GID=1000
ARG VERSION=0.1.0

LABEL org.opencontainers.image.title="isce2-recipe" \
      org.opencontainers.image.description="Declarative InSAR recipes for ISCE2" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="The isce2-recipe developers"

ENV PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/tmp/numba

# The base image may come with a user of that number.
RUN existing=$(getent passwd "${CONDA_UID}" | cut -d: -f1) \
    && if [ -n "$existing" ]; then userdel --remove "$existing"; fi \
    && (getent group "${CONDA_GID}" > /dev/null || groupadd --gid "${CONDA_GID}" conda) \
    && useradd --no-log-init --create-home --home-dir /home/conda --shell /bin/bash \
       --uid "${CONDA_UID}" --gid "${CONDA_GID}" conda

COPY environment.yml /opt/isce2-recipe/environment.yml
RUN mamba env create --yes --file /opt/isce2-recipe/environment.yml && mamba clean --all --yes

COPY . /opt/isce2-recipe
RUN /opt/conda/envs/isce2-recipe/bin/python -m pip install --no-cache-dir --no-deps /opt/isce2-recipe \
    && install --mode 755 /opt/isce2-recipe/docker/entrypoint.sh /usr/local/bin/isce2-recipe-entrypoint

USER ${CONDA_UID}
WORKDIR /home/conda

ENTRYPOINT ["/usr/local/bin/isce2-recipe-entrypoint"]
CMD ["--help"]
