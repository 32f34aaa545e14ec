@echo off
rem Reads everything the guest controls need from a Windows VM and prints it. Run it as an administrator:
rem   cmd /c probe.cmd > NAME.txt       (NAME.txt is a valid recorded guest)
rem It changes nothing, writes no file and sends no secret. Written by `make readme` out of guest/windows/probe.py.
setlocal
set W=avb-%RANDOM%-%RANDOM%-cmd
echo.
echo avb-windows 1 begin %W%
echo.
echo %W% code-page
chcp
echo.
echo %W% version
ver
echo.
echo %W% reg avb-no-such-key
reg query HKLM\SOFTWARE\Microsoft\avb-no-such-key /reg:64 2>&1
echo.
echo %W% reg administrator
reg query HKU\S-1-5-19 2>&1
echo.
echo %W% reg computer-name
reg query HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName /reg:64 2>&1
echo.
echo %W% reg active-name
reg query HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName /reg:64 2>&1
echo.
echo %W% reg RdAgent
reg query HKLM\SYSTEM\CurrentControlSet\Services\RdAgent /reg:64 2>&1
echo.
echo %W% reg WindowsAzureGuestAgent
reg query HKLM\SYSTEM\CurrentControlSet\Services\WindowsAzureGuestAgent /reg:64 2>&1
echo.
echo %W% reg IaasVmProvider
reg query HKLM\SYSTEM\CurrentControlSet\Services\IaasVmProvider /reg:64 2>&1
echo.
echo %W% reg VSS
reg query HKLM\SYSTEM\CurrentControlSet\Services\VSS /reg:64 2>&1
echo.
echo %W% service RdAgent
sc query RdAgent 2>&1
echo.
echo %W% service WindowsAzureGuestAgent
sc query WindowsAzureGuestAgent 2>&1
echo.
echo %W% reg interfaces
reg query HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces /s /reg:64 2>&1
echo.
echo %W% reg persistent-routes
reg query HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\PersistentRoutes /reg:64 2>&1
echo.
echo %W% route-table
route print -4 2>&1
echo.
echo %W% reg bcdr
reg query HKLM\SOFTWARE\Microsoft\BcdrAgent /reg:64 2>&1
echo.
echo %W% reg bcdr-32
reg query HKLM\SOFTWARE\Microsoft\BcdrAgent /reg:32 2>&1
echo.
echo %W% reg bcdr-persistent
reg query HKLM\SOFTWARE\Microsoft\BcdrAgentPersistentKeys /reg:64 2>&1
echo.
echo %W% reg product
reg query "HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion" /v ProductName /reg:64 2>&1
echo.
echo %W% reg guest
reg query "HKLM\SOFTWARE\Microsoft\Virtual Machine\Guest" /reg:64 2>&1
echo.
echo %W% reg azure
reg query "HKLM\SOFTWARE\Microsoft\Windows Azure" /reg:64 2>&1
echo.
echo %W% reg handlers
reg query "HKLM\SOFTWARE\Microsoft\Windows Azure\HandlerState" /s /reg:64 2>&1
echo.
echo %W% reg internet-policy
reg query "HKLM\Software\Policies\Microsoft\Windows\CurrentVersion\Internet Settings" /reg:64 2>&1
echo.
echo %W% reg internet-machine
reg query "HKLM\Software\Microsoft\Windows\CurrentVersion\Internet Settings" /reg:64 2>&1
echo.
echo %W% reg internet-system
reg query "HKU\S-1-5-18\Software\Microsoft\Windows\CurrentVersion\Internet Settings" /reg:64 2>&1
echo.
echo %W% reg winhttp
reg query "HKLM\Software\Microsoft\Windows\CurrentVersion\Internet Settings\Connections" /v WinHttpSettings /reg:64 2>&1
echo.
echo %W% reg sql
reg query "HKLM\SOFTWARE\Microsoft\Microsoft SQL Server" /reg:64 2>&1
echo.
echo %W% reg sql-instances
reg query "HKLM\SOFTWARE\Microsoft\Microsoft SQL Server\Instance Names\SQL" /reg:64 2>&1
echo.
echo %W% reg sql-32
reg query "HKLM\SOFTWARE\Microsoft\Microsoft SQL Server" /reg:32 2>&1
echo.
echo %W% reg sql-instances-32
reg query "HKLM\SOFTWARE\Microsoft\Microsoft SQL Server\Instance Names\SQL" /reg:32 2>&1
echo.
echo %W% reg servicing
reg query "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing" /reg:64 2>&1
echo.
echo %W% reg update
reg query "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update" /reg:64 2>&1
echo.
echo %W% reg session-manager
reg query "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager" /reg:64 2>&1
echo.
echo avb-windows 1 end %W%
powershell -NoProfile -NonInteractive -Command "$w='%W%';$f='rdfepirv2bl2prdstr01.blob.core.windows.net';$ProgressPreference='SilentlyContinue';$m=$ExecutionContext.SessionState.LanguageMode;function o($s){if($m -eq 'FullLanguage'){[Console]::Out.WriteLine($s)}else{$s}};function p($s){o '';o ($w+' '+$s)};function v($k,$x){o ($k+'='+(([string]$x) -replace '\s+',' ' -replace '(sig=)([^&\x22\x27\\\s]|\\+/)+','$1***' -replace '//[^/@ ]+@','//***@'))};function t($x){if($x -is [DateTime]){$x=$x.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ')};$x};o '';o ('avb-windows 1 begin '+$w+' powershell');p 'powershell';v 'version' $PSVersionTable.PSVersion;v 'language' $m;v 'revision' 2;v 'clock' ((Get-Date).ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss'));p 'cpu';try{foreach($i in 1,2){$q=Get-CimInstance Win32_PerfRawData_PerfOS_Processor -ErrorAction Stop|Where-Object{$_.Name -eq '_Total'};o ('sample='+$q.PercentProcessorTime+' '+$q.Timestamp_Sys100NS);if($i -eq 1){Start-Sleep 2}}}catch{v 'error' ('WMI: '+$_.Exception.Message)};p 'memory';try{$q=Get-CimInstance Win32_OperatingSystem -ErrorAction Stop;v 'total' $q.TotalVisibleMemorySize;v 'free' $q.FreePhysicalMemory}catch{v 'error' ('WMI: '+$_.Exception.Message)};p 'aggregate-status';$a='C:\WindowsAzure\Logs\AggregateStatus\aggregatestatus.json';try{if(Test-Path $a){$q=(Get-Content $a -Raw -Encoding UTF8 -ErrorAction Stop) -replace '\x00',''|ConvertFrom-Json;v 'file' 'read';v 'written' (t $q.timestampUTC);foreach($h in $q.aggregateStatus.handlerAggregateStatus){if($h.handlerName -eq 'Microsoft.Azure.RecoveryServices.VMSnapshot'){$l=$h.runtimeSettingsStatus.settingsStatus;p ('handler '+$h.handlerVersion);v 'status' $h.status;v 'message' $h.formattedMessage.message;v 'last' $l.status.status;v 'code' $l.status.code;v 'said' $l.status.formattedMessage.message;v 'time' (t $l.timestampUTC);foreach($b in $l.status.substatus){if($b){$b=($b|ConvertTo-Json -Compress -Depth 9) -replace '(sig=)([^&\x22\x27\\\s]|\\+/)+','$1***';if($b.Length -gt 65536){$b=''};o ('substatus='+$b)}}}}}else{v 'file' 'absent'}}catch{v 'error' $_.Exception.Message};if($m -eq 'FullLanguage'){$nl=[string][char]13+[char]10;function read($n){$b=New-Object byte[] 8192;$t='';while($t.Length -lt 16384 -and $t -notmatch '\r\n\r\n'){$k=$n.Read($b,0,8192);if($k -le 0){break};$t+=[Text.Encoding]::ASCII.GetString($b,0,$k)};$t};function send($n,$t){$b=[Text.Encoding]::ASCII.GetBytes($t);$n.Write($b,0,$b.Length)};function ask($t,$h,$port,$px,$path){$s='name resolution';$d='';$ip='';$r='';$global:issue='';$c=New-Object Net.Sockets.TcpClient;try{$near=$h;$to=$port;if($px){$s='proxy';$near,$to=$px -split ':'};$x=[Net.Dns]::GetHostAddressesAsync($near);if(-not $x.Wait(4000)){throw 'name resolution timed out'};$ip=[string]($x.Result|Where-Object{$_.AddressFamily -eq 'InterNetwork'}|Select-Object -First 1);if(-not $ip){throw 'it has no IPv4 address'};if(-not $px){$s='connection'};if(-not $c.ConnectAsync($ip,[int]$to).Wait(5000)){throw 'connecting timed out'};$n=$c.GetStream();$n.ReadTimeout=5000;$n.WriteTimeout=5000;if($px){send $n ('CONNECT '+$h+':443 HTTP/1.1'+$nl+'Host: '+$h+':443'+$nl+$nl);$r=read $n;if($r -notmatch '^HTTP/1.. 200'){throw ('CONNECT was answered '+($r -split $nl)[0])}};if($port -eq 443){$s='TLS';$n=New-Object Net.Security.SslStream($n,$false,{param($a,$k,$y,$e)$global:issue=[string]$e+', certificate issued by '+$k.Issuer;[string]$e -eq 'None'});$n.AuthenticateAsClient($h,$null,[Security.Authentication.SslProtocols]::Tls12,$false);$n.ReadTimeout=5000};$s='HTTP';send $n ('GET '+$path+' HTTP/1.1'+$nl+'Host: '+$h+$nl+'Connection: close'+$nl+$nl);$r=read $n;if($r -notmatch '^HTTP/1.. [1-9]\d\d'){throw 'no HTTP answer'};$s='answered'}catch{$d=$_.Exception.GetBaseException().Message;if($s -eq 'TLS' -and $global:issue){$d+=' ('+$global:issue+')'}}finally{$c.Close()};p ('http '+$t);v 'stage' $s;v 'address' $ip;v 'detail' $d;if($s -eq 'answered'){v 'status' $r.Substring(9,3);foreach($i in 'Server','x-ms-request-id','Location'){if($r -match ('(?im)^'+$i+':[ \t]*([^\r\n?]*)')){v ($i.ToLower() -replace 'x-ms-','') $matches[1]}}}};function body($u,$k,$x){try{$q=[Net.WebRequest]::Create($u);$q.Proxy=$null;$q.Timeout=4000;$q.ReadWriteTimeout=4000;$q.Headers.Add($k,$x);(New-Object IO.StreamReader($q.GetResponse().GetResponseStream())).ReadToEnd()}catch{''}};$z='168.63.129.16';ask ('host 80 '+$z) $z 80 '' '/?comp=versions';ask ('host 32526 '+$z) $z 32526 '' '/versions';$g=body ('http://'+$z+'/machine/?comp=goalstate') 'x-ms-version' '2012-11-30';$e='';if($g -match '(?s)<ExtensionsConfig>(.*?)</ExtensionsConfig>'){$e=body ($matches[1] -replace '&amp;','&') 'x-ms-version' '2012-11-30'};if($e){p 'goal-state';v 'backup-extension' $(if($e -match 'RecoveryServices\.VMSnapshot[^L]'){'yes'}else{'no'})};$y='baseline';if($e -match '(?s)<StatusUploadBlob[^>]*>\s*https://([A-Za-z0-9.-]+)'){$f=$matches[1];$y='goal-state'};p 'endpoints';v 'origin' $y;o $f;p 'imds';$q=body 'http://169.254.169.254/metadata/instance/compute?api-version=2018-10-01' 'Metadata' 'true';try{$q=$q|ConvertFrom-Json;v 'compute' ($q|Select-Object @('vmId','name','location','resourceGroupName','subscriptionId')|ConvertTo-Json -Compress)}catch{};$k='\Software\Microsoft\Windows\CurrentVersion\Internet Settings';function get($x){Get-ItemProperty ('Registry::'+$x) -ErrorAction SilentlyContinue};$u='HKEY_USERS\S-1-5-18';if((get ('HKEY_LOCAL_MACHINE'+$k.Replace('\Microsoft','\Policies\Microsoft'))).ProxySettingsPerUser -eq 0){$u='HKEY_LOCAL_MACHINE'};$q=get ($u+$k);$x='';if($q.ProxyEnable -eq 1){$x=[string]$q.ProxyServer};if(-not $x){$b=(get ('HKEY_LOCAL_MACHINE'+$k+'\Connections')).WinHttpSettings;if($b -and ($b[8] -band 2)){$x=[Text.Encoding]::ASCII.GetString($b,16,[BitConverter]::ToInt32($b,12))}};if($x -match 'https=([^;\s]+)'){$x=$matches[1]};$x=($x -split '[;\s]')[0] -replace '^https?://','';if($f){ask ('storage direct '+$f) $f 443 '' '/?comp=list';if($x -match '^[\w.-]+:\d+$'){ask ('storage proxy '+$f) $f 443 $x '/?comp=list'}}};p 'vss';vssadmin list writers;o '';o ('avb-windows 1 end '+$w)"
