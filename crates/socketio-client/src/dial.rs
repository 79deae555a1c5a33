//! TCP, and TLS on it where the address says so.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::{Address, Error};

/// A connection, with or without TLS.
pub(crate) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Whose certificates are trusted: by default those that this machine trusts.
#[derive(Debug, Clone, Default)]
pub struct Trust(Option<Arc<ClientConfig>>);

impl Trust {
    /// Those that this machine trusts, and the authorities of a PEM file's text.
    ///
    /// # Errors
    /// When the text has no certificate, or one that cannot be an authority.
    pub fn with(pem: &[u8]) -> io::Result<Self> {
        let mut roots = machine_roots();
        let mut found = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(io::Error::other)?;
            roots.add(certificate).map_err(io::Error::other)?;
            found += 1;
        }
        if found == 0 {
            return Err(io::Error::other("it has no certificate in PEM"));
        }
        Ok(Self(Some(Arc::new(config(roots)?))))
    }

    fn config(&self) -> io::Result<Arc<ClientConfig>> {
        self.0.clone().map_or_else(machine, Ok)
    }
}

/// Connects to `address`.
pub(crate) async fn dial(address: &Address, trust: &Trust) -> Result<Io, Error> {
    let name = format!("{}:{}", address.host, address.port);
    let tcp = TcpStream::connect(&name).await;
    let tcp = tcp.map_err(|cause| Error::Connect {
        address: name.clone(),
        cause,
    })?;
    // Failing to switch Nagle off only costs time.
    let _ = tcp.set_nodelay(true);
    if !address.secure {
        return Ok(Io::Plain(tcp));
    }
    let failed = |cause| Error::Tls {
        address: name.clone(),
        cause,
    };
    let host = address.host.trim_matches(['[', ']']).to_owned();
    let host = ServerName::try_from(host).map_err(|error| failed(io::Error::other(error)))?;
    let tls = TlsConnector::from(trust.config().map_err(failed)?)
        .connect(host, tcp)
        .await;
    Ok(Io::Tls(Box::new(tls.map_err(failed)?)))
}

/// TLS with the certificates that this machine trusts; read once.
fn machine() -> io::Result<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let config = config(machine_roots())?;
    Ok(CONFIG.get_or_init(|| Arc::new(config)).clone())
}

/// The authorities of this machine, or of `SSL_CERT_FILE`.
fn machine_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn config(roots: RootCertStore) -> io::Result<ClientConfig> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

macro_rules! either {
    ($self:ident, $io:ident => $call:expr) => {
        match $self.get_mut() {
            Self::Plain(stream) => {
                let $io = Pin::new(stream);
                $call
            }
            Self::Tls(stream) => {
                let $io = Pin::new(stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_read(cx, buf))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, io => io.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_shutdown(cx))
    }
}
